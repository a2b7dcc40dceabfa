--- box:save and sandbox.restore: a box through bytes, in this process and in another.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local elsewhere = helpers.is_jit and "LuaJIT hashes whole addresses: a box comes back only where it lay"

local PROGRAM = [==[
  keys, bykey = {}, {}
  for i = 1, 60 do
    local k, f = {}, function() return i end
    keys[#keys + 1], keys[#keys + 2] = k, f
    bykey[k], bykey[f] = i, i
  end
  -- Keys that are functions of the interpreter's and of the library's: they lie elsewhere in another process.
  functions = { print, pairs, string.rep, string.format, math.floor, table.concat, io.write, os.time, coroutine.wrap, load or loadstring }
  for i, f in ipairs(functions) do bykey[f] = i end
  weak = setmetatable({}, { __mode = "k" })
  weak[keys[1]] = "kept"
  co = coroutine.create(function(a) while true do a = a + coroutine.yield(a) end end)
  coroutine.resume(co, 10)
  gen = coroutine.wrap(function() for i = 1, 1e9 do coroutine.yield(i) end end)
  gen()
  local shared = 0
  function up() shared = shared + 1 return shared end
  function look()
    local sum = 0
    for _, k in ipairs(keys) do sum = sum + bykey[k] end
    for i, f in ipairs(functions) do assert(bykey[f] == i, i) end
    for k, v in pairs(bykey) do assert(bykey[k] == v) end
    local _, c = coroutine.resume(co, 1)
    collectgarbage()
    return table.concat({ sum, c, gen(), up(), weak[keys[1]], math.random(1e6), tostring(keys[1]), tostring(print) }, " ")
  end
]==]

-- Gives the image of a box and what the box does next; the box is closed, so that LuaJIT finds its place free.
local function saved(options, prepare)
  local box = helpers.box()
  box:dostring(PROGRAM)
  if prepare then prepare(box) end
  local image = box:save(options)
  local after = box:dostring "return look()"
  box:close()
  return image, after
end

local function restored(image, options)
  local box = sandbox.restore(image, options)
  return box
end

describe("box:save and sandbox.restore", function()
  after_each(helpers.tidy)

  it("bring a box back", function()
    local image, after = saved()
    assert.equal("string", type(image))
    local box = restored(image)
    assert.equal(after, box:dostring "return look()")
    box:dostring "collectgarbage() look() collectgarbage() look()"
    box:close()
  end)

  helpers.it_unless(elsewhere, "bring a box back while the first goes on, and again", function()
    local box = helpers.box { cpu = 7 }
    box:dostring(PROGRAM)
    local image = box:save()
    local first, second = restored(image), restored(image, { memory = 5e6 })
    local expected = box:dostring "return look()"
    assert.equal(expected, first:dostring "return look()")
    assert.equal(expected, second:dostring "return look()")
    assert.equal(7, second:limits().cpu)
    assert.equal(5e6, second:limits().memory)
    assert.equal(0, second:usage().boxes)
    first:close()
    second:close()
  end)

  helpers.it_unless(elsewhere, "bring a box back in another process, where everything lies elsewhere", function()
    local image, after = saved({ key = "secret", names = { host = helpers.tidy } }, function(box)
      box:set("f", helpers.tidy)
      box:dostring "n = 2 function g() n = n + 1 return n end"
    end)
    local path = helpers.file(image)
    local program = ([[
      local sandbox = require "sandbox"
      local other = sandbox.new()
      local image = assert(io.open(%q, "rb")):read "*a"
      local box = sandbox.restore(image, { key = "secret", names = { host = function(x) return x + 1 end } })
      io.write(box:dostring "return look()", "|", box:dostring "return f(41)", "|", box:dostring "return g()", "\n")
      box:dostring "for i = 1, 20 do look() end"
      local clone = box:clone()
      box:close()
      io.write(clone:dostring "return g()", "\n")
      assert(clone:rollback(clone:checkpoint()) == nil)
      print(clone:dostring "for i = 1, 5 do look() end return os.time() > 0 and ('x'):rep(3):upper()")]]):format(path)
    for _ = 1, 3 do
      local output, code = helpers.in_process(program)
      assert.equal(0, code, output)
      assert.equal(after .. "|42|3\n4\nXXX\n", output)
    end
  end)

  helpers.it_unless(elsewhere, "find keys that lie elsewhere in tables whose blocks are longer than a table", function()
    local box = helpers.box()
    box:dostring [[
      -- Holes of a little more than a table takes, between what stays, and so much garbage that free blocks are put in order.
      local gone, stays, garbage = {}, {}, {}
      for i = 1, 3000 do gone[i], stays[i] = ("%040d"):format(i), ("y%040d"):format(i) end
      for i = 1, 40000 do garbage[i] = i .. "z" end
      gone, garbage = nil, nil
      collectgarbage()
      kept = {}
      for i = 1, 3000 do
        kept[i] = { [print] = i, [type] = 1, [tostring] = 2, [next] = 3, [os.date] = 4, [os.time] = -i }
      end
      function lost()
        local lost = 0
        for i = 1, #kept do if kept[i][print] ~= i or kept[i][os.time] ~= -i then lost = lost + 1 end end
        return #stays == 3000 and lost .. " of " .. #kept
      end]]
    local program = ([[
      local image = assert(io.open(%q, "rb")):read "*a"
      print(require "sandbox".restore(image):dostring "return lost()")]]):format(helpers.file(box:save()))
    for _ = 1, 2 do assert.same({ "0 of 3000\n", 0 }, { helpers.in_process(program) }) end
  end)

  helpers.it_unless(elsewhere, "bring boxes below back while the first go on", function()
    local box = helpers.box()
    box:opensandbox()
    box:dostring "below = sandbox.new() below:dostring 'n = 1 function f() n = n + 1 return n end' g = below:get 'f' g()"
    local image = box:save()
    local again = restored(image)
    assert.equal(3, again:dostring "return g()")
    assert.equal(3, box:dostring "return g()")
    again:close()
  end)

  it("find the host's functions and streams by their names", function()
    local out, input = assert(io.tmpfile()), helpers.handle "one\ntwo\n"
    local function named(x) return x * 2 end
    local names = { double = named, out = out, input = input, env = function(n) return n .. "!" end }
    local image = saved({ names = names }, function(box)
      box:set("named", named)
      box:set("nameless", function() return 1 end)
      box:set("given", input)
      box:stdout(out)
      box:env(names.env)
      box:dostring "print 'before'"
    end)
    local box = restored(image, { names = { double = function(x) return x * 3 end, out = out, input = input, env = names.env } })
    assert.equal(21, box:dostring "return named(7)")
    helpers.raises(function() box:dostring "nameless()" end, "the image refers to a function of the host that has no name")
    assert.equal("one", box:dostring "return given:read()")
    assert.equal("X!", box:dostring "return os.getenv 'X'")
    box:dostring "print 'after'"
    box:set("other", function() return "other" end)
    assert.equal("other", box:dostring "return other()")
    assert.equal(21, box:dostring "return named(7)")
    box:close()
    out:seek "set"
    assert.equal("before\nafter\n", out:read "*a")
    out:close()
  end)

  it("refuse what is not signed by the key", function()
    local image = saved { key = "secret" }
    for _, options in ipairs { { key = "Secret" }, { key = "" }, { key = "secret\0" } } do
      helpers.raises(function() restored(image, options) end, "not signed with this key, or was altered")
    end
    helpers.raises(function() restored(image) end, "is signed (option 'key' is missing), or was altered")
    helpers.raises(function() restored((saved()), { key = "secret" }) end, "not signed with this key, or was altered")
    restored(image, { key = "secret" }):close()
  end)

  it("refuse an image with any byte altered", function()
    local image = saved { key = "k" }
    local function altered(at)
      return image:sub(1, at - 1) .. string.char((image:byte(at) + 1) % 256) .. image:sub(at + 1)
    end
    local places = {}
    for at = 1, 200 do places[#places + 1] = at end
    for at = 201, #image, math.floor(#image / 200) do places[#places + 1] = at end
    places[#places + 1] = #image
    for _, at in ipairs(places) do
      assert.falsy(pcall(sandbox.restore, altered(at), { key = "k" }), "byte " .. at)
    end
    for _, n in ipairs { 0, 1, 8, 40, 41, 100, #image - 1 } do
      assert.falsy(pcall(sandbox.restore, image:sub(1, n), { key = "k" }), n .. " bytes")
    end
    helpers.raises(function() restored "" end, "not an image of a sandbox")
    helpers.raises(function() restored(image .. "x", { key = "k" }) end, "was altered")
  end)

  it("say what is wrong with arguments", function()
    local box = helpers.box()
    helpers.raises(function() box:save(1) end, "bad argument #1 to 'save' (table expected, got number)")
    helpers.raises(function() box:save { key = 1 } end, "option 'key': string expected, got number")
    helpers.raises(function() box:save { names = 1 } end, "option 'names': table expected, got number")
    helpers.raises(function() box:save { nmaes = {} } end, "unknown option 'nmaes'")
    helpers.raises(function() sandbox.restore() end, "bad argument #1 to 'restore' (string expected, got no value)")
    local image = box:save()
    box:close()
    helpers.raises(function() sandbox.restore(image, 1) end, "bad argument #2 to 'restore' (table expected, got number)")
    helpers.raises(function() sandbox.restore(image, { cpus = 1 }) end, "unknown option 'cpus'")
    helpers.raises(function() sandbox.restore(image, { memory = 1000 }) end)
    helpers.raises(function() box:save() end, "sandbox is closed")
    local other = helpers.box()
    other:set("f", function() other:save() end)
    helpers.raises(function() other:dostring "f()" end, "sandbox is running")
  end)

  it("are not for code in a box", function()
    local box = helpers.box()
    box:opensandbox()
    box:dostring "below = sandbox.new()"
    helpers.raises(function() box:dostring "below:save()" end, "images are not for code in a sandbox")
    local image = saved()
    helpers.raises(function() box:dostring("sandbox.restore(...)", image) end, "images are not for code in a sandbox")
  end)
end)
