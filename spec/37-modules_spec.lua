--- Manual, section 6: the grant `modules`, what `require` gives inside a box: values of the host's, or Lua files compiled inside.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local it_unless = helpers.it_unless
local raises = helpers.raises

-- A box whose one module "m" is a file with this content.
local function with_file(content, name)
  return helpers.box { modules = { [name or "m"] = helpers.file(content) } }
end

-- What pcall(require, name) gives in the box.
local function require_in(box, name)
  return box:dostring("local ok, value = pcall(require, ...) return ok, value", name)
end

describe("a granted value", function()
  after_each(helpers.tidy)

  it("is what require gives, whatever its type", function()
    local box = helpers.box { modules = {
      n = 1.5, yes = true, no = false, t = { 1, { x = "y" } }, f = function(...) return select("#", ...), ... end,
    } }
    assert.equal(1.5, box:dostring "return (require 'n')")
    assert.is_true(box:dostring "return (require 'yes')")
    assert.is_false(box:dostring "return (require 'no')")
    assert.equal("y", box:dostring "return require('t')[2].x")
    assert.same({ 3, "a", nil, "c" }, { box:dostring "return require('f')('a', nil, 'c')" })
  end)

  it("is copied once: the same table each time, the box's alone", function()
    local value = { n = 1 }
    local one, two = helpers.box { modules = { m = value } }, helpers.box { modules = { m = value } }
    value.n = 99
    assert.is_true(one:dostring "local m = require 'm' m.n = m.n + 1 return m == require 'm'")
    assert.equal(2, one:dostring "package.loaded.m = nil return require('m').n")
    assert.equal(1, two:dostring "return require('m').n")
    assert.equal(99, value.n)
  end)

  it("keeps cycles, and what two modules share", function()
    local shared = {}
    shared.self = shared
    local box = helpers.box { modules = { a = { s = shared }, b = { s = shared } } }
    assert.is_true(box:dostring "local s = require('a').s return s == require('b').s and s.self == s")
  end)

  it("may have functions of the host's, which come home as themselves", function()
    local function add(a, b) return a + b end
    local box = helpers.box { modules = { math2 = { add = add } } }
    assert.equal(5, box:dostring "return require('math2').add(2, 3)")
    assert.equal(add, box:dostring "return require('math2').add")
  end)

  it("lives as long as its box", function()
    local calls = 0
    local box = helpers.box { modules = { tick = function() calls = calls + 1 end } }
    collectgarbage() collectgarbage()
    box:dostring "collectgarbage() collectgarbage() require 'tick' ()"
    assert.equal(1, calls)
  end)

  it("takes the place of a library that has its name, for require alone", function()
    local box = helpers.box { modules = { os = { mine = true } } }
    assert.is_true(box:dostring "return require('os').mine and os.time ~= nil and os.mine == nil")
  end)

  it("is refused where it can't cross, by the place of what can't", function()
    local thread = coroutine.create(function() end)
    raises(function() helpers.box { modules = { m = thread } } end, "option modules.m: a thread cannot cross")
    raises(function() helpers.box { modules = { ["a.b"] = { x = { thread } } } } end, 'option modules["a.b"].x[1]: a thread cannot cross')
  end)

  it("that is too large for the box is an ordinary error, and leaves no box", function()
    local parent = helpers.box { memory = 8 * helpers.MiB }
    parent:opensandbox()
    assert.equal("not enough memory", parent:dostring [[
      local big = string.rep("x", 2^20)
      return select(2, pcall(sandbox.new, { modules = { m = { big } }, memory = 2^20 }))]])
    assert.equal(0, parent:usage().boxes)
  end)
end)

describe("a granted file", function()
  after_each(helpers.tidy)

  it("is compiled and run inside, once", function()
    local box = with_file "runs = (runs or 0) + 1 return { print = print, env = _G }"
    assert.equal(1, box:dostring "local m = require 'm' assert(m == require 'm' and m.env == _G and m.print == print) return runs")
    assert.is_nil(rawget(_G, "runs"))
  end)

  it("gets its name, and the name of its file as that Lua gives it", function()
    local box = with_file("return { n = select('#', ...), ... }", "some.mod")
    local got = box:dostring "return (require 'some.mod')"
    assert.equal("some.mod", got[1])
    if helpers.version > 51 then
      assert.equal("some/mod.lua", got[2])
    else
      assert.equal(1, got.n)
    end
    if helpers.version >= 54 then
      assert.equal("some/mod.lua", (select(2, box:dostring "package.loaded['some.mod'] = nil return require 'some.mod'")))
    end
  end)

  it("is known inside by the name of its module, never by its path", function()
    local path = helpers.file "local a\nerror('failed')"
    local box = helpers.box { modules = { ["some.mod"] = path, broken = helpers.file "x = = 1", gone = path } }
    local ok, message = require_in(box, "some.mod")
    assert.is_false(ok)
    assert.equal("some/mod.lua:2: failed", message)
    ok, message = require_in(box, "broken")
    assert.is_false(ok)
    assert.is_truthy(message:find("^error loading module 'broken' from file 'broken.lua':\n\tbroken.lua:1: "), message)
    os.remove(path)
    ok, message = require_in(box, "gone")
    assert.is_false(ok)
    assert.equal("error loading module 'gone' from file 'gone.lua':\n\tcannot open gone.lua: No such file or directory", message)
  end)

  it("gives true if it returns nothing, and what it has left in package.loaded", function()
    assert.is_true(with_file("local x = 1"):dostring "return (require 'm')")
    assert.equal(7, with_file("package.loaded[...] = 7"):dostring "return (require 'm')")
  end)

  it("is read when it is first required", function()
    local path = helpers.file "return 'early'"
    local box = helpers.box { modules = { m = path } }
    local file = assert(io.open(path, "w"))
    file:write "return 'late'"
    file:close()
    assert.equal("late", box:dostring "return (require 'm')")
  end)

  it("may begin with a line for the shell", function()
    local ok, message = require_in(with_file("#!/usr/bin/lua\nerror('here')"), "m")
    assert.is_false(ok)
    assert.equal("m.lua:2: here", message)
  end)

  it("is text: bytecode is refused", function()
    local ok, message = require_in(with_file(string.dump(function() return 1 end)), "m")
    assert.is_false(ok)
    assert.is_truthy(message:find("^error loading module 'm' from file 'm.lua':\n\t.*attempt to load a binary chunk"), message)
  end)

  it("can fail and be required again", function()
    local box = with_file "tries = (tries or 0) + 1 if tries < 2 then error({ code = tries }) end return tries"
    assert.equal(1, box:dostring "local ok, e = pcall(require, 'm') package.loaded.m = nil return e.code")
    assert.equal(2, box:dostring "return (require 'm')")
  end)

  it("that is larger than the box's memory is an ordinary error", function()
    local box = helpers.box { modules = { m = helpers.file("--" .. ("x"):rep(2 ^ 20) .. "\nreturn 1") }, memory = 2 ^ 20 }
    local ok, message = require_in(box, "m")
    assert.is_false(ok)
    assert.equal("not enough memory", message)
    assert.equal("ready", (box:status()))
  end)

  it("runs under the box's limits", function()
    local box = helpers.box { modules = { m = helpers.file "while true do end" }, cpu = 0.1 }
    helpers.assert_cpu_stop(box, 0.1, "require 'm'")
  end)

  it("may require others that were granted, and itself as stock allows", function()
    local box = helpers.box { modules = {
      a = helpers.file "return 'a' .. require 'b'", b = helpers.file "return 'b' .. require 'c'", c = 3,
      loop = helpers.file "return require 'loop'",
    } }
    assert.equal("ab3", box:dostring "return (require 'a')")
    local ok, message = require_in(box, "loop")
    assert.is_false(ok)
    if helpers.version == 51 then
      assert.is_truthy(message:find("loop or previous error loading module 'loop'", 1, true), message)
    else
      -- Lua 5.2 and later look for no loops: the C stack or its count of levels runs out.
      assert.is_truthy(message:find("overflow", 1, true) or message:find("too many C levels", 1, true), message)
    end
    assert.equal(3, box:dostring "return (require 'c')")
  end)

  it_unless(helpers.version > 52 and "module() left with Lua 5.1", "may be written with module()", function()
    local box = with_file "module(..., package.seeall) function f() return tostring(x) .. _NAME end x = 1"
    assert.equal("1m", box:dostring "return require('m').f()")
  end)
end)

describe("require in a box with grants", function()
  after_each(helpers.tidy)

  it("gives what was granted and nothing else", function()
    local file = helpers.file "return 'granted'"
    local box = helpers.box { modules = { ["kong.allowed"] = file } }
    assert.equal("granted", box:dostring "return (require 'kong.allowed')")
    for _, name in ipairs { "kong", "kong.allowed.more", "kong/allowed", "kong.Allowed", "busted", "lfs", "spec.helpers", file, "" } do
      local ok, message = require_in(box, name)
      assert.is_false(ok, name)
      assert.is_truthy(message:find(("module '%s' not found:"):format(name), 1, true), message)
      assert.is_truthy(message:find(("no module '%s' among those granted"):format(name), 1, true), message)
    end
  end)

  it("has no way to other files by the searchers themselves", function()
    local box = helpers.box { modules = { m = 1 } }
    assert.equal(0, box:dostring([[
      package.path, package.cpath = "?;/?;./?.lua;/usr/share/lua/5.1/?.lua", "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"
      local found = 0
      for _, searcher in ipairs(package.searchers or package.loaders) do
        for _, name in ipairs { "etc/passwd", "busted", "lfs", "dkjson", ... } do
          if type(searcher(name)) == "function" then found = found + 1 end
        end
      end
      return found]], helpers.file "return 1"))
  end)

  it("says of one it can't find what stock says", function()
    helpers.assert_as_stock {
      [[package.path = "/nowhere/?.lua;;./nowhere/?/init.lua"
        local s = package.searchers or package.loaders s[4] = nil s[3] = nil
        return pcall(require, "x.y-z")]],
      [[package.path = nil return pcall(require, "x")]],
      [[package.path = {} return pcall(require, "x")]],
      -- Lua 5.2 finds the function under either of two names, as its hash seed has it.
      [[return (select(2, pcall(require)):gsub("_G%.", ""))]], [[return (select(2, pcall(require, {})):gsub("_G%.", ""))]],
      [[package.loaded.x, package.loaded.y = 1, false return require "x" .. type(select(2, pcall(require, "y")))]],
      [[package.preload.pre = function(...) return { n = select("#", ...), ... } end return (require "pre")]],
      [[local s = package.searchers or package.loaders s[2] = function() return "\n\tnot here" end s[4] = nil s[3] = nil
        return pcall(require, "x")]],
      [[return package.config]],
    }
  end)

  it_unless(helpers.version == 51 and not helpers.is_jit and "package.searchpath came with Lua 5.2",
    "has searchpath as stock has it", function()
    helpers.assert_as_stock {
      [[return package.searchpath("a.b", "/nowhere/?.lua;/nowhere/?/?.x")]],
      [[return package.searchpath("a-b", "/nowhere/?", "-", "+")]],
      [[return package.searchpath("a.b", "/nowhere/?", "")]],
      [[return package.searchpath("a.b", "/nowhere/fixed")]],
      [[return pcall(package.searchpath, "a")]], [[return pcall(package.searchpath, nil, "x")]],
      [[return pcall(package.searchpath, "a", "?", {})]],
    }
  end)

  it("is the same in sandbox.run", function()
    assert.equal(7, (sandbox.run("return (require 'm')", { modules = { m = 7 } })))
    assert.equal(8, (sandbox.run("return (require 'm')", { modules = { m = helpers.file "return 8" } })))
  end)
end)

describe("the option modules", function()
  after_each(helpers.tidy)

  it("is refused by name where it is wrong", function()
    raises(function() sandbox.new { modules = 1 } end, "bad argument #1 to ", "option 'modules': table expected, got number")
    raises(function() sandbox.new { modules = "m" } end, "option 'modules': table expected, got string")
    raises(function() sandbox.new { modules = { "m" } } end, "option 'modules': names of modules are strings")
    raises(function() sandbox.run("", { modules = false }) end, "bad argument #2 to ", "option 'modules': table expected, got boolean")
    raises(function() sandbox.new():limits { modules = {} } end, "unknown option 'modules'")
  end)

  it("is refused by name where a file can't be there", function()
    raises(function() sandbox.new { modules = { ["a.b"] = "/no/such.lua" } } end,
      "bad argument #1 to ", "option 'modules.a.b': cannot open /no/such.lua: No such file or directory")
    raises(function() sandbox.new { modules = { m = "/" } } end, "option 'modules.m': cannot open /: Is a directory")
    raises(function() sandbox.new { modules = { m = "/dev/zero" } } end, "option 'modules.m': cannot open /dev/zero: not a regular file")
    raises(function() sandbox.new { modules = { m = "/etc/passwd\0.lua" } } end,
      "option 'modules.m': cannot open /etc/passwd: the name has a zero byte")
  end)

  it("is read without metamethods", function()
    local trap = function() error "a metamethod ran" end
    local modules = setmetatable({ m = 1 }, { __index = trap, __pairs = trap, __len = trap, __newindex = trap })
    assert.equal(1, helpers.box { modules = modules }:dostring "return (require 'm')")
  end)

  it("leaves the host's tables as they were", function()
    local options = { modules = { m = helpers.file "return 1", n = {} } }
    local path, n = options.modules.m, options.modules.n
    helpers.box(options)
    helpers.box(options)
    assert.equal(path, options.modules.m)
    assert.equal(n, options.modules.n)
  end)
end)

describe("making a box with modules", function()
  after_each(helpers.tidy)

  local SCRIPT = "return #require('v').list + require('f')(1) + #require('file')"

  local function options(memory)
    return { memory = memory, modules = {
      v = { list = { 1, 2, 3, {} } }, f = function(x) return x end,
      file = helpers.file "local t = {} for i = 1, 100 do t[i] = { i } end return t",
    } }
  end

  it("is an ordinary error wherever memory runs out", function()
    local swept, failures, result = options(), 0, nil
    for memory = 0, 400 * 1024, 1024 do
      swept.memory = memory
      local ok, got = pcall(sandbox.run, SCRIPT, swept)
      if ok then
        result = got
        break
      end
      assert.equal("not enough memory", got)
      failures = failures + 1
    end
    assert.equal(105, result)
    assert.is_true(failures > 10, "failed only " .. failures .. " times")
  end)

  it("leaves nothing behind", function()
    local some = options()
    helpers.assert_flat(300, function() sandbox.run(SCRIPT, some) end)
  end)
end)

describe("modules below a box", function()
  after_each(helpers.tidy)

  it("are values of the box that grants them", function()
    local box = helpers.box { modules = { top = 1 } }
    box:opensandbox()
    assert.equal("inner 5 false", box:dostring [[
      local function f(x) return x + 1 end
      local below = sandbox.new { modules = { m = { f = f, name = "inner" } } }
      local a, b, c = below:dostring "local m = require 'm' return m.name, m.f(4), (pcall(require, 'top'))"
      return a .. " " .. b .. " " .. tostring(c)]])
  end)

  it("are never files of the host's", function()
    local box = helpers.box()
    box:opensandbox()
    local ok, message = box:dostring([[
      local below = sandbox.new { modules = { m = ... } }
      return below:dostring "local ok, message = pcall(require, 'm') return ok, message"]], helpers.file "return 1")
    assert.is_false(ok)
    assert.equal("error loading module 'm' from file 'm.lua':\n\tcannot open m.lua: No such file or directory", message)
  end)
end)
