--- Manual, section 2: dofile, dostring, load, and how calls end.

local helpers = require "spec.helpers"

local raises, unpack = helpers.raises, helpers.unpack

local load_string = rawget(_G, "loadstring") or load

local function results(...)
  return { n = select("#", ...), ... }
end

-- dofile and dostring behave alike: each case is run with both.
for _, method in ipairs { "dofile", "dostring" } do
  local function run(box, code, ...)
    if method == "dofile" then return box:dofile(helpers.file(code), ...) end
    return box:dostring(code, ...)
  end

  describe("box:" .. method, function()
    after_each(helpers.tidy)

    it("returns what the chunk returned", function()
      local box = helpers.box()
      assert.equal(0, results(run(box, "")).n)
      assert.equal(1, results(run(box, "return nil")).n)
      local got = results(run(box, "return 1, nil, 'x', false, nil"))
      assert.equal(5, got.n)
      assert.equal(1, got[1])
      assert.equal("x", got[3])
      assert.is_false(got[4])
    end)

    it("passes arguments as ...", function()
      local box = helpers.box()
      assert.equal(0, run(box, "return select('#', ...)"))
      assert.equal(3, run(box, "return select('#', ...)", nil, "x", nil))
      local got = results(run(box, "return ...", 1, nil, "three", false, 2.5, nil))
      assert.equal(6, got.n)
      assert.equal("three", got[3])
      assert.equal(2.5, got[5])
    end)

    it("passes hundreds of values both ways", function()
      local values = {}
      for i = 1, 240 do values[i] = i end
      local got = results(run(helpers.box(), "return ...", unpack(values)))
      assert.equal(240, got.n)
      for i = 1, 240 do assert.equal(i, got[i]) end
      assert.equal(5000, results(run(helpers.box(),
        "local t = {} for i = 1, 5000 do t[i] = i end return (table.unpack or unpack)(t)")).n)
    end)

    it("runs in the box's one state, again and again", function()
      local box = helpers.box()
      run(box, "n = 0 function bump() n = n + 1 return n end")
      for i = 1, 200 do assert.equal(i, run(box, "return bump()")) end
    end)

    it("keeps locals to the chunk", function()
      local box = helpers.box()
      run(box, "local hidden = 1")
      assert.is_nil(run(box, "return hidden"))
    end)

    it("raises what the chunk raised", function()
      local box = helpers.box()
      raises(function() run(box, "error('as it was', 0)") end, "as it was")
      local ok, value = pcall(run, box, "error({ code = 3, inner = { 1, 2 } })")
      assert.is_false(ok)
      assert.equal(3, value.code)
      assert.same({ 1, 2 }, value.inner)
      for _, raised in ipairs { 42, false, true } do
        local fine, got = pcall(run, box, "error((...), 0)", raised)
        assert.is_false(fine)
        assert.equal(raised, got)
      end
      assert.equal("ready", (box:status()))
    end)

    it("raises nil too", function()
      local ok, value = pcall(run, helpers.box(), "error(nil)")
      assert.is_false(ok)
      -- Some versions put a text in the place of a nil error.
      assert.is_true(value == nil or type(value) == "string")
    end)

    it("refuses bytecode", function()
      local code = string.dump(function() return 1 end)
      raises(function() run(helpers.box(), code) end, "bin")
      raises(function() run(helpers.box(), "\27LuaR and the rest") end)
    end)

    it("works from inside a call into the same box", function()
      local box = helpers.box()
      box:set("again", function(n) return (run(box, "return (...) + 1", n)) end)
      assert.equal(6, run(box, "return again(5)"))
      assert.equal("ready", (box:status()))
    end)

    it("works in a coroutine of the host", function()
      local box = helpers.box()
      local step = coroutine.wrap(function()
        local first = run(box, "x = 1 return 'a'")
        coroutine.yield(first)
        return run(box, "return 'b' .. x")
      end)
      assert.equal("a", step())
      assert.equal("b1", step())
    end)

    it("refuses what is no string", function()
      local box = helpers.box()
      local expected = "bad argument #1 to '" .. method .. "' (string expected, got "
      raises(function() box[method](box) end, "string expected, got no value")
      if method == "dofile" then
        raises(function() box:dofile({}) end, expected .. "table)")
        raises(function() box:dofile(nil) end, expected .. "nil)")
        raises(function() box:dofile(print) end, expected .. "function)")
      else
        raises(function() box:dostring({}) end, expected .. "table)")
        raises(function() box:dostring(true) end, expected .. "boolean)")
      end
    end)

    it("ends without results when the code calls os.exit", function()
      local box = helpers.box()
      for code, exit in pairs { ["os.exit()"] = 0, ["os.exit(0)"] = 0, ["os.exit(3)"] = 3,
        ["pcall(os.exit, 4)"] = 4, ["coroutine.wrap(function() os.exit(5) end)()"] = 5,
        ["xpcall(function() os.exit(6) end, function() after = true end)"] = 6 } do
        local got = results(run(box, code .. " after = true return 1, 2, 3"))
        assert.equal(0, got.n, code)
        assert.equal(exit, box:usage().exit, code)
        assert.is_nil(box:get("after"), code)
        assert.equal("ready", (box:status()))
      end
      assert.equal(1, run(box, "return 1"))
    end)
  end)
end

describe("box:dofile", function()
  after_each(helpers.tidy)

  it("raises what stock dofile raises when the system refuses", function()
    local box = helpers.box()
    for _, path in ipairs { "/no/such/file.lua", "/tmp", "no-such-file-here.lua" } do
      local _, stock = pcall(dofile, path)
      local ok, message = pcall(box.dofile, box, path)
      assert.is_false(ok)
      assert.equal(stock, message)
    end
    assert.equal("ready", (box:status()))
  end)

  it("names the file in messages as stock dofile does", function()
    local box = helpers.box()
    for _, code in ipairs { "x = = 1", "\n\nerror 'here'", "local t = nil; return t.x", "return 'open" } do
      local path = helpers.file(code)
      local _, stock = pcall(dofile, path)
      local _, message = pcall(box.dofile, box, path)
      assert.equal(stock, message)
    end
  end)

  it("skips a first line that starts with #", function()
    assert.equal(7, helpers.box():dofile(helpers.file("#!/usr/bin/env lua\nreturn 7")))
    local path = helpers.file("#!/usr/bin/env lua\nerror 'second'")
    local _, stock = pcall(dofile, path)
    local _, message = pcall(function() helpers.box():dofile(path) end)
    assert.equal(stock, message)
  end)

  it("treats a byte order mark as stock dofile does", function()
    local path = helpers.file("\239\187\191return 7")
    local ok, value = pcall(dofile, path)
    local inside, got = pcall(function() return helpers.box():dofile(path) end)
    assert.equal(ok, inside)
    assert.equal(value, got)
  end)

  it("refuses bytecode behind a first line that starts with #", function()
    local code = "#!lua\n" .. string.dump(function() return 1 end)
    raises(function() helpers.box():dofile(helpers.file(code)) end)
  end)

  it("reads a large file", function()
    local code = "local n = 0\n" .. ("n = n + 1\n"):rep(200000) .. "return n"
    assert.equal(200000, helpers.box():dofile(helpers.file(code)))
  end)

  it("is stopped by the limits when the file never ends", function()
    -- Zeros are no Lua on any version: an error at the first byte, or the limit; never a hang.
    local box = helpers.box { cpu = 0.5, memory = 8 * helpers.MiB }
    raises(function() box:dofile("/dev/zero") end)
  end)
end)

describe("box:dostring", function()
  after_each(helpers.tidy)

  it("names the chunk in messages as stock load does", function()
    local box = helpers.box()
    for _, code in ipairs { "x = = 1", "error 'here'", "\nlocal t = nil; return t.x", "return 'open",
      ("-"):rep(100) .. "\nerror 'long first line'", "error(setmetatable({}, nil) .. 'x')" } do
      local chunk, stock = load_string(code)
      if chunk then stock = select(2, pcall(chunk)) end
      local _, message = pcall(box.dostring, box, code)
      assert.equal(stock, message)
    end
  end)

  it("takes a number for a string, as stock does", function()
    raises(function() helpers.box():dostring(5) end, "5")
  end)

  it("takes code with any byte in it", function()
    assert.equal("\0\1\255", helpers.box():dostring("return '\\0\\001\255'"))
  end)

  it("has no room for a yield outside a coroutine", function()
    raises(function() helpers.box():dostring("coroutine.yield(1)") end, "attempt to yield")
  end)
end)

describe("box:load", function()
  after_each(helpers.tidy)

  it("gives a function to call again and again", function()
    local box = helpers.box()
    local f = box:load("n = (n or 0) + 1 return n, ...")
    assert.is_function(f)
    assert.is_nil(box:get("n"))
    for i = 1, 100 do
      local n, x, y = f("x", nil)
      assert.equal(i, n)
      assert.equal("x", x)
      assert.is_nil(y)
    end
    assert.equal(3, results(f(nil, nil)).n)
  end)

  it("gives nil and stock load's message where the code doesn't compile", function()
    local box = helpers.box()
    for _, code in ipairs { "x = = 1", "for", "return 'open", "x = }" } do
      local _, stock = load_string(code)
      local got = results(box:load(code))
      assert.equal(2, got.n)
      assert.is_nil(got[1])
      assert.equal(stock, got[2])
      local _, named = load_string(code, "=my chunk")
      assert.equal(named, select(2, box:load(code, "=my chunk")))
      local _, file = load_string(code, "@my/file.lua")
      assert.equal(file, select(2, box:load(code, "@my/file.lua")))
    end
  end)

  it("puts the chunk's name in front of what the function raises", function()
    local f = helpers.box():load("\nerror 'x'", "=my chunk")
    raises(f, "my chunk:2: x")
  end)

  it("refuses bytecode with nil and a message", function()
    local f, message = helpers.box():load(string.dump(function() return 1 end))
    assert.is_nil(f)
    assert.is_string(message)
  end)

  it("gives functions that raise errors, and end with os.exit, as the box's calls do", function()
    local box = helpers.box()
    local ok, value = pcall(box:load("error { code = 9 }"))
    assert.is_false(ok)
    assert.equal(9, value.code)
    assert.equal(0, results(box:load("os.exit(8) return 1")()).n)
    assert.equal(8, box:usage().exit)
  end)

  it("gives functions that are limited as the box is", function()
    local box = helpers.box { cpu = 0.1 }
    raises(box:load("while true do end"), "cpu limit of 0.1 s exceeded")
    helpers.assert_stopped(box, "cpu")
  end)

  it("gives functions that are errors once the box is closed", function()
    local box = helpers.box()
    local f = box:load("return 1")
    assert.equal(1, f())
    box:close()
    raises(f, "sandbox is closed")
  end)

  it("sends a function home as the original", function()
    local box = helpers.box()
    box:dostring("function mine() end")
    box:set("back", box:get("mine"))
    assert.is_true(box:dostring("return back == mine"))
    local ours = function() end
    box:set("ours", ours)
    assert.equal(ours, box:get("ours"))
  end)

  it("refuses what is no string", function()
    local box = helpers.box()
    raises(function() box:load() end, "bad argument #1 to 'load' (string expected, got no value)")
    raises(function() box:load({}) end, "bad argument #1 to 'load' (string expected, got table)")
    raises(function() box:load("return 1", {}) end, "bad argument #2 to 'load' (string expected, got table)")
  end)
end)

describe("calls into a box", function()
  after_each(helpers.tidy)

  it("fail with ordinary errors on a box that was stopped, whatever is called", function()
    local box = helpers.box { cpu = 0.05 }
    pcall(box.dostring, box, "while true do end")
    local status = box:status()
    for _ = 1, 3 do
      raises(function() box:dostring("return 1") end, status == "killed" and "killed" or "limit")
      raises(function() box:dofile(helpers.file("return 1")) end)
      assert.equal(status, (box:status()))
    end
  end)

  it("say killed on a box that was killed", function()
    local box = helpers.box { cpu = 0.05 }
    helpers.assert_cpu_stop(box, 0.05, "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))")
    assert.equal("killed", (box:status()))
    raises(function() box:dostring("return 1") end, "killed")
    raises(function() box:load("return 1") end, "killed")
    raises(function() box:get("x") end, "killed")
    raises(function() box:set("x", 1) end, "killed")
    box:close()
    assert.equal("closed", (box:status()))
  end)
end)
