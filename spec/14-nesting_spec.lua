--- Manual, sections 2 and 3: boxes below boxes, ten levels at most, and budgets that are shared downwards.

local helpers = require "spec.helpers"

local opened, raises, MiB = helpers.opened, helpers.raises, helpers.MiB

-- Goes down as far as it can, runs `work` at the bottom, and gives the depth reached, what stopped it, and the
-- work's results.
local DESCEND = [[
  local descend, work, level, last, options = ...
  local ok, box
  if level < last then ok, box = pcall(sandbox.new, options) end
  if not ok then return level, tostring(box), (loadstring or load)(work)(level) end
  box:opensandbox()
  box:stdout(io.stdout)
  return box:dostring(descend, descend, work, level + 1, last, options)
]]

local function descend(box, work, last, options)
  return box:dostring(DESCEND, DESCEND, work or "", 1, last or 100, options)
end

describe("box:opensandbox", function()
  after_each(helpers.tidy)

  it("is what it takes to see the library", function()
    local box = helpers.box()
    assert.is_nil(box:dostring("return sandbox"))
    assert.is_false(box:dostring("return (pcall(require, 'sandbox'))"))
    box:opensandbox()
    assert.is_true(box:dostring("return type(sandbox) == 'table' and sandbox == require 'sandbox'"))
    box:opensandbox()
    assert.is_true(box:dostring("return sandbox == require 'sandbox'"))
  end)

  it("gives the same library, as far as boxes go", function()
    local box = opened()
    assert.equal(10, box:dostring("return sandbox.MAX_DEPTH"))
    assert.equal(require("sandbox")._VERSION, box:dostring("return sandbox._VERSION"))
    assert.equal(42, box:dostring("return sandbox.run('return ...', nil, 42)"))
    assert.is_truthy(box:dostring("return tostring(sandbox.new())"):find("^sandbox: "))
    assert.is_truthy(box:dostring("return select(2, pcall(sandbox.new, { memroy = 1 }))"):find("memroy", 1, true))
  end)

  it("is not inherited: a box below has to be given it", function()
    local box = opened()
    assert.equal("nil", box:dostring("return sandbox.run('return type(sandbox)')"))
    assert.equal("table", box:dostring("local b = sandbox.new() b:opensandbox() return b:dostring('return type(sandbox)')"))
  end)

  it("gives boxes all their methods", function()
    local box = opened()
    helpers.captured(box)
    assert.equal("ok", box:dostring([[
      local b = sandbox.new { cpu = 5 }
      assert(b:status() == "ready")
      b:set("x", { 1, 2 })
      assert(b:get("x")[2] == 2)
      assert(b:load("return x[1] + ...")(5) == 6)
      assert(b:limits { memory = 2^22 }.memory == 2^22)
      assert(b:usage().memory > 0)
      b:env { A = "inner" }
      assert(b:dostring("return os.getenv 'A'") == "inner")
      assert(not pcall(b.dostring, b, "error 'x'"))
      assert(type(b:traceback()) == "string")
      b:set("call", function(n) return n * 2 end)
      assert(b:dostring("return call(21)") == 42)
      b:stdout(io.stdout)
      b:dostring("print 'x'")
      b:close()
      assert(b:status() == "closed")
      local ok, message = pcall(b.dostring, b, "")
      assert(not ok and message:find("sandbox is closed", 1, true))
      return "ok"]]))
  end)
end)

describe("ten levels of boxes", function()
  after_each(helpers.tidy)

  it("work, and the eleventh is an error that says so", function()
    local level, message = descend(opened())
    assert.equal(10, level)
    assert.is_truthy(message:find("depth", 1, true))
    assert.is_truthy(message:find("10", 1, true))
  end)

  it("are all there is, whatever depth is asked for", function()
    assert.equal(10, (descend(opened { depth = 50 }, "", 100, { depth = 50 })))
    assert.equal(9, opened { depth = 50 }:limits().depth)
    assert.equal(10, (descend(opened { depth = math.huge })))
  end)

  it("are fewer where a box above allows fewer", function()
    for depth = 0, 3 do
      local box = opened { depth = depth }
      assert.equal(depth, box:limits().depth)
      local level, message = descend(box, "", 100, { depth = 9 })
      assert.equal(depth + 1, level)
      assert.is_truthy(message:find("depth", 1, true))
    end
  end)

  it("pass output, values, functions and errors all the way", function()
    local box = opened()
    local text = helpers.captured(box)
    local level, _, value = descend(box, "print('level', ...) return { list = { 1, 2, 3 }, level = ... }")
    assert.equal(10, level)
    assert.same({ list = { 1, 2, 3 }, level = 10 }, value)
    assert.equal("level\t10\n", text())
    raises(function() descend(box, "error('from the bottom', 0)") end, "from the bottom")
    local ok, raised = pcall(descend, box, "error({ code = 5 })")
    assert.is_false(ok)
    assert.equal(5, raised.code)
    assert.equal("ready", (box:status()))
  end)

  it("let a function of the host be called at the bottom, and call back", function()
    local box, seen = opened(), 0
    local pass = [[
      local pass, level, f = ...
      if level == 10 then return f(level) end
      local b = sandbox.new()
      b:opensandbox()
      return b:dostring(pass, pass, level + 1, f)]]
    assert.equal("10 again", box:dostring(pass, pass, 1, function(level)
      seen = seen + 1
      return level .. box:dostring("return ' again'")
    end))
    assert.equal(1, seen)
  end)

  it("each nesting 190 C calls deep do not hurt the host", function()
    local box = opened { memory = 256 * MiB, cpu = 30 }
    -- On Lua 5.4 fewer fit: each level nests as many as this Lua has room for, 190 at most.
    local deep = [[
      local deep, level = ...
      local function dive(n, bottom)
        if n == 0 then return bottom() end
        return (string.gsub("a", "a", function() return dive(n - 1, bottom) end))
      end
      local calls = 190
      while not pcall(dive, calls + 8, function() return "" end) and calls > 0 do calls = calls - 10 end
      return dive(calls, function()
        if level == 10 then return "bottom" end
        local b = sandbox.new()
        b:opensandbox()
        return tostring(b:dostring(deep, deep, level + 1))
      end)]]
    local ok, result = pcall(box.dostring, box, deep, deep, 1)
    -- It works, or is refused by an ordinary error or a stop; the host goes on either way.
    assert.is_string(result)
    assert.equal(ok, result == "bottom", result)
    assert.equal(2, helpers.box():dostring("return 1 + 1"))
  end)

  it("are closed with the box above them", function()
    helpers.assert_flat(20, function()
      local box = opened()
      descend(box, "")
      box:close()
    end)
  end)
end)

describe("budgets of boxes below boxes", function()
  after_each(helpers.tidy)

  it("charge memory to every box above", function()
    local box = opened { memory = 8 * MiB }
    local below = box:dostring([[
      inner = sandbox.new { memory = math.huge }
      local ok, message = pcall(inner.dostring, inner, "s = ('x'):rep(32 * 2^20)")
      assert(not ok)
      inner:dostring("collectgarbage()")
      return tostring(message)]])
    assert.is_truthy(below:find("not enough memory", 1, true))
    local before = box:usage().memory
    box:dostring("inner:dostring(\"s = ('x'):rep(2^20)\")")
    assert.is_true(box:usage().memory >= before + MiB)
    assert.is_true(box:usage().memory <= 8 * MiB)
    assert.is_true(box:usage().memory_peak <= 8 * MiB)
    box:dostring("inner:close() inner = nil collectgarbage() collectgarbage()")
    assert.is_true(box:usage().memory < before + MiB / 2)
  end)

  it("keep the sum of many boxes within the one above", function()
    local box = opened { memory = 8 * MiB }
    local made = box:dostring([[
      boxes = {}
      local ok
      repeat
        ok = pcall(function()
          local b = sandbox.new { memory = 4 * 2^20 }
          b:dostring("s = ('x'):rep(2^20)")
          boxes[#boxes + 1] = b
        end)
      until not ok or #boxes > 20
      return #boxes]])
    assert.is_true(made >= 2 and made < 8, made .. " boxes of 1 MiB fit into 8 MiB")
    assert.is_true(box:usage().boxes >= made)
    assert.is_true(box:usage().memory <= 8 * MiB)
  end)

  it("stop a box below for its own limit, an ordinary error for the one above", function()
    local box = opened { cpu = 5 }
    local ok, message, status, kind, after = box:dostring([[
      local b = sandbox.new { cpu = 0.1 }
      local ok, message = pcall(b.dostring, b, "while true do end")
      local status, kind = b:status()
      return ok, message, status, kind, sandbox.run("return 'goes on'")]])
    assert.is_false(ok)
    assert.is_truthy(message:find("cpu limit of 0.1 s exceeded", 1, true))
    assert.is_true(status == "exhausted" or status == "killed")
    assert.equal("cpu", kind)
    assert.equal("goes on", after)
    assert.equal("ready", (box:status()))
  end)

  it("stop every box below for the limit of the one above, which can't be caught", function()
    local box = opened { cpu = 0.2 }
    helpers.assert_cpu_stop(box, 0.2, [[
      while true do
        pcall(function()
          local b = sandbox.new { cpu = math.huge }
          b:opensandbox()
          b:dostring("while true do pcall(sandbox.run, 'while true do end', { cpu = math.huge }) end")
        end)
      end]])
    local other = opened { wall = 0.3, cpu = math.huge }
    local before = helpers.now()
    raises(function() other:dostring("while true do pcall(sandbox.run, 'while true do end', { cpu = math.huge }) end") end,
      "wall limit of 0.3 s exceeded")
    assert.is_true(helpers.now() - before < 20)
    helpers.assert_stopped(other, "wall")
  end)

  it("count the CPU time and the output of boxes below", function()
    local box = opened { output = 1000 }
    helpers.captured(box)
    box:dostring([[
      local b = sandbox.new()
      b:stdout(io.stdout)
      b:dostring("local stop = os.clock() + 0.2 while os.clock() < stop do end io.write(('x'):rep(600))")]])
    assert.is_true(box:usage().cpu >= 0.15)
    assert.equal(600, box:usage().output)
    raises(function()
      box:dostring("local b = sandbox.new() b:stdout(io.stdout) b:dostring(\"io.write(('x'):rep(600))\")")
    end, "output limit")
  end)

  it("hold at the tenth level for the first", function()
    local box = opened { cpu = 0.2 }
    raises(function() descend(box, "while true do pcall(function() while true do end end) end") end,
      "cpu limit of 0.2 s exceeded")
    helpers.assert_stopped(box, "cpu")
  end)

  it("count the boxes below", function()
    local box = opened()
    assert.equal(0, box:usage().boxes)
    box:dostring("a, b, c = sandbox.new(), sandbox.new(), sandbox.new()")
    assert.equal(3, box:usage().boxes)
    box:dostring("a:close()")
    assert.equal(2, box:usage().boxes)
  end)
end)
