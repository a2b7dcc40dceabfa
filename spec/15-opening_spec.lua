--- Boxes made and closed one after another: the next may take what the last one has left behind, and nobody may be able to tell.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

-- Bytes that `body` leaves in the host's heap; the collector does not run meanwhile.
local function kept(body)
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  local result = body()
  local after = collectgarbage "count"
  collectgarbage "restart"
  return (after - before) * 1024, result
end

-- All that a handle tells of its box. One in 4,096 boxes is opened the long way, which takes CPU time and leaves another heap.
local function told(box)
  local lines = { table.concat({ box:status() }, " "), tostring(box:traceback()), tostring(box:env()) }
  for _, stream in ipairs { "stdin", "stdout", "stderr" } do lines[#lines + 1] = tostring(box[stream](box)) end
  for _, list in ipairs { box:limits(), box:usage() } do
    for name, value in pairs(list) do
      if list.boxes == nil or not (name == "cpu" or name:find "^memory") then lines[#lines + 1] = name .. " " .. tostring(value) end
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

-- Makes a box that has had and done everything, and closes it.
local function eventful(ending)
  local directory = helpers.tree { ["a.txt"] = "inside" }
  local box = sandbox.new {
    memory = 2 ^ 22, cpu = 5, wall = 50, output = 1e6, depth = 3, per = "call",
    files = { ["/d"] = { path = directory, write = true } },
    modules = { m = { answer = 42 } },
  }
  box:env { HOME = "/root" }
  box:stdin(io.tmpfile())
  box:stdout(io.tmpfile())
  box:opensandbox()
  box:set("host", function() return "host" end)
  box:dostring [[
    x = 1
    below = sandbox.new()
    open = io.open "/d/a.txt"
    print(host(), require "m".answer, os.getenv "HOME")]]
  local inside = box:load "return x"
  assert.equal(1, inside())
  assert.is_false((pcall(box.dostring, box, "error('gone wrong')")))
  if ending == "exit" then box:dostring "os.exit(7)" end
  if ending == "stopped" then
    box:limits { output = 1, per = "life" }
    helpers.raises(function() box:dostring "print 'too much'" end, "output limit of 1 bytes exceeded")
    assert.equal("exhausted", (box:status()))
  end
  if ending == "killed" then
    box:limits { cpu = 0.01 }
    helpers.raises(function() box:dostring "return (('a'):rep(3000)):find(('a*'):rep(30) .. 'b')" end, "cpu limit")
  end
  box:close()
  return box, inside
end

describe("a box that follows another", function()
  after_each(helpers.tidy)

  for _, ending in ipairs { "whole", "exit", "stopped", "killed" } do
    it("has nothing of one that was " .. ending, function()
      local first = helpers.box()
      local expected = told(first)
      for _ = 1, 6 do
        local old, inside = eventful(ending)
        local new = helpers.box()
        assert.equal(expected, told(new))
        assert.equal("nil nil nil", new:dostring [[
          return tostring(x) .. " " .. tostring(io.open "/d/a.txt") .. " " .. tostring(os.getenv "HOME")]])
        assert.is_false(new:dostring "return (pcall(require, 'm'))")
        assert.is_nil(new:dostring "return sandbox")
        -- The old handle and what came out of the old box are not the new one's.
        assert.equal("closed", old:status())
        helpers.raises(inside, "sandbox is closed")
        helpers.raises(function() old:dostring "return 1" end, "sandbox is closed")
        old:close()
        assert.equal("ready", new:status())
      end
    end)
  end

  it("has the limits that it was given, and no others", function()
    for i = 1, 20 do
      local box = sandbox.new(i % 2 == 0 and { cpu = i, output = 10 * i, per = "call" } or nil)
      local limits = box:limits()
      assert.equal(i % 2 == 0 and i or 10, limits.cpu)
      assert.equal(i % 2 == 0 and 10 * i or math.huge, limits.output)
      assert.equal(i % 2 == 0 and "call" or "life", limits.per)
      box:close()
    end
  end)

  it("counts its own memory alone", function()
    local empty = helpers.box():usage().memory
    for _ = 1, 8 do
      local box = sandbox.new()
      box:dostring "held = {} for i = 1, 20000 do held[i] = { i } end"
      for _ = 1, 100 do box:set("f", function() end) end
      box:close()
      box = helpers.box()
      assert.is_true(box:usage().memory_peak < empty + 65536)
    end
  end)

  it("draws other random numbers", function()
    local seen = {}
    for _ = 1, 20 do
      local box = sandbox.new()
      local drawn = box:dostring "return ('%.17g %s'):format(math.random(), tostring {})"
      -- LuaJIT begins with the same seed in every state, as it does outside.
      if helpers.is_jit then drawn = drawn:match "table: .*" end
      assert.is_nil(seen[drawn])
      seen[drawn] = true
      box:close()
    end
  end)

  it("is a whole program, wherever its heap lies", function()
    -- Slots that come again at once, that come by turns, and that are new.
    local held, turns = {}, 0
    for round = 1, 60 do
      local box = sandbox.new { memory = 2 ^ 24 }
      turns = turns + box:dostring [==[
        local t, n = {}, 0
        for i = 1, 50 do t[i] = {} t[t[i]] = i end
        for i = 1, 50 do if t[t[i]] == i then n = n + 1 end end
        collectgarbage()
        assert(select(2, ("a b c"):gsub("%w", string.upper)) == 3 and coroutine.wrap(function() return 1 end)() == 1)
        return n]==]
      if round % 3 == 0 then
        held[#held + 1] = box
      else
        box:close()
      end
      if round % 9 == 0 then table.remove(held, 1):close() end
    end
    assert.equal(3000, turns)
    for _, box in ipairs(held) do
      assert.equal("number", box:dostring "return type(#_VERSION)")
      box:close()
    end
  end)
end)

describe("a handle", function()
  after_each(helpers.tidy)

  it("is small as long as nothing has crossed by it", function()
    local count = 200
    local bytes, boxes = kept(function()
      local all = {}
      for i = 1, count do all[i] = sandbox.new() end
      return all
    end)
    for i = 1, count do assert.equal(1, boxes[i]:dostring "return 1") end
    for i = 1, count do boxes[i]:close() end
    assert.is_true(bytes < 300 * count, ("%.0f bytes for each box"):format(bytes / count))
  end)

  it("takes functions and streams at any time, also when its box is closed", function()
    local box = helpers.box()
    assert.equal(2, box:dostring("return (...)()", function() return 2 end))
    local closing = helpers.box()
    local ok, message = pcall(closing.dostring, closing, "return (...)()", function()
      closing:close()
      local other = helpers.box()
      assert.equal(1, other:dostring "return 1")
      return function() end, io.tmpfile()
    end)
    assert.is_false(ok)
    assert.truthy(message:find("sandbox is closed", 1, true))
    assert.equal("closed", closing:status())
  end)

  it("is told from that of a box that has taken its place", function()
    local functions, boxes = {}, {}
    for i = 1, 10 do
      local box = sandbox.new()
      functions[i] = box:load("return " .. i)
      boxes[i] = box
      if i % 2 == 0 then box:close() end
    end
    for i = 1, 10 do helpers.box():set("f", function() return i end) end
    for i = 1, 10 do
      if i % 2 == 0 then
        helpers.raises(functions[i], "sandbox is closed")
      else
        assert.equal(i, functions[i]())
        boxes[i]:close()
      end
    end
  end)
end)

describe("options", function()
  after_each(helpers.tidy)

  -- With nothing but limits a box is made on a shorter road than with anything else.
  it("mean and are refused the same on either road", function()
    for _, more in ipairs { {}, { modules = {} } } do
      local function options(t)
        for name, value in pairs(more) do t[name] = value end
        return t
      end
      local limits = helpers.box(options { memory = 2 ^ 20, cpu = 1.5, files = 3, depth = 2 }):limits()
      assert.same({ 2 ^ 20, 1.5, 3, 2 }, { limits.memory, limits.cpu, limits.files, limits.depth })
      for wrong, message in pairs {
        [{ memroy = 1 }] = "unknown option 'memroy'",
        [{ cpu = 0 }] = "option 'cpu': more than 0 expected, got 0",
        [{ cpu = "1" }] = "option 'cpu': number expected, got string",
        [{ per = "day" }] = "option 'per': 'life' or 'call' expected, got 'day'",
        [{ wall = true }] = "option 'wall': number expected, got boolean",
        [{ depth = 1.5 }] = "option 'depth': a whole number expected, got 1.5",
        [{ [true] = 1 }] = "names of options are strings",
      } do
        helpers.raises(function() sandbox.new(options(wrong)) end, "bad argument #1 to 'new'", message)
      end
      helpers.raises(function() sandbox.new(options { memory = 1000 }) end, "not enough memory")
    end
  end)
end)
