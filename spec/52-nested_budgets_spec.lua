--- Manual, section 3: a box below another spends its own limits and those of every box above it. Whose limit it was is
-- told by status; boxes above go on; boxes below stay as they are (or are gone, where a hard stop took their heap).
-- A box never gives itself more by making boxes.

local helpers = require "spec.helpers"

local opened, raises, MiB = helpers.opened, helpers.raises, helpers.MiB

local LONG_C_CALL = "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))"

-- Makes boxes one below the other, down to level `last`; the one at `limited` gets `limits`. Each is the global `box`
-- of the one above it.
local MAKE = [[
  local make, level, last, limited, limits = ...
  level = level + 1
  box = sandbox.new(level == limited and limits or { cpu = math.huge, memory = math.huge })
  box:opensandbox()
  box:stdout(io.stdout)
  if level < last then box:dostring(make, make, level, last, limited, limits) end]]

-- Runs `code` `depth` levels further down.
local AT = [[
  local at, depth, code = ...
  if depth == 0 then return (loadstring or load)(code)() end
  return box:dostring(at, at, depth - 1, code)]]

--- A chain of ten boxes, the one at level `limited` with these limits; a function that runs code at a level.
local function chain(limited, limits, last)
  local top = opened(limited == 1 and limits or { cpu = 60 })
  top:dostring(MAKE, MAKE, 1, last or 10, limited, limits)
  return top, function(level, code) return top:dostring(AT, AT, level - 1, code) end
end

-- { kind, its limit, code at the bottom that goes past it, whether the stop is soft everywhere }
local KINDS = {
  { "cpu", { cpu = 0.1 }, "while true do pcall(function() while true do end end) end", "cpu limit of 0.1 s exceeded", not helpers.is_jit },
  { "wall", { wall = 0.3, cpu = math.huge }, "while true do io.read(0) end", "wall limit of 0.3 s exceeded", not helpers.is_jit },
  { "output", { output = 100 }, "while true do pcall(print, 'four') end", "output limit of 100 bytes exceeded", true },
}

describe("a limit in a chain of ten boxes", function()
  after_each(helpers.tidy)

  for _, case in ipairs(KINDS) do
    local kind, limits, code, words, soft = helpers.unpack(case, 1, 5)
    for _, limited in ipairs { 1, 2, 6, 10 } do
      it(("%s, set at level %d and spent at level 10, stops that level"):format(kind, limited), function()
        local top, at = chain(limited, limits)
        local message = raises(function() at(10, code) end, words)
        if not helpers.is_jit then assert.is_truthy(message:find("^%[string .-%]:1: " .. kind), message) end
        -- Those above go on.
        local function status(level)
          if level == 1 then return top:status() end
          return at(level - 1, "return box:status()")
        end
        for level = 1, limited - 1 do assert.equal("ready", (status(level))) end
        -- The one whose limit it was says so.
        local said, why = status(limited)
        assert.equal(kind, why)
        if limited < 10 or soft then assert.equal("exhausted", said) end
        -- With a new allowance it runs, and all below it that were not stopped hard are as they were.
        if said == "exhausted" then
          local again = ("{ %s = 50 }"):format(kind)
          if limited == 1 then
            top:limits { [kind] = 50 }
          else
            at(limited - 1, "box:limits " .. again)
          end
          for level = limited, 9 do assert.equal("ready", (status(level))) end
          local last, reason = status(10)
          if soft then
            assert.equal("ready", last)
            assert.equal(7, at(10, "return 7"))
          else
            assert.is_true(last == "ready" or last == "killed" and reason == kind, last)
          end
          assert.equal(8, at(9, "return 8"))
        end
      end)
    end
  end

  it("memory, is an ordinary error at the bottom, which that one may catch, and nobody is stopped", function()
    for _, limited in ipairs { 1, 5, 10 } do
      local top, at = chain(limited, { memory = 8 * MiB, cpu = math.huge })
      local ok, message = at(10, "local ok, m = pcall(function() return ('x'):rep(16 * 2^20) end) collectgarbage() return ok, m")
      assert.is_false(ok)
      assert.is_truthy(message:find("not enough memory", 1, true))
      assert.equal("ready", at(9, "return box:status()"))
      assert.equal("ready", (top:status()))
      assert.equal(2 * MiB, at(10, "s = ('x'):rep(2 * 2^20) return #s"))
      -- Charged all the way up.
      assert.is_true(top:usage().memory >= 2 * MiB)
      for level = 1, 9 do assert.is_true(at(level, "return box:usage().memory >= 2 * 2^20"), "level " .. level + 1) end
    end
  end)

  it("of several that run out at once the outermost is told", function()
    local top, at = chain(5, { output = 20, cpu = math.huge })
    top:limits { output = 20 }
    raises(function() at(10, "io.write(('x'):rep(21))") end, "output limit of 20 bytes exceeded")
    assert.same({ "exhausted", "output" }, { top:status() })
    assert.equal(20, top:usage().output)
    top:limits { output = 20 }
    assert.equal("ready", at(4, "return box:status()"))
    assert.equal(20, at(4, "return box:usage().output"))
  end)
end)

describe("a hard stop", function()
  after_each(helpers.tidy)

  it("for the limit of a box above kills the one whose code it was, and exhausts the one whose limit it was", function()
    local top, at = chain(1, { cpu = 20 }, 3)
    at(3, "s = ('x'):rep(2^22)")
    local before = top:usage().memory
    top:limits { cpu = 0.1 }
    raises(function() at(3, LONG_C_CALL) end, "cpu limit of 0.1 s exceeded")
    assert.same({ "exhausted", "cpu" }, { top:status() })
    top:limits { cpu = 20 }
    -- The one in between was only waiting.
    assert.equal("ready", at(1, "return box:status()"))
    assert.same({ "killed", "cpu" }, { at(2, "return box:status()") })
    assert.is_true(top:usage().memory < before - 2 ^ 21, "the memory was not given back")
    raises(function() at(3, "return 1") end, "sandbox is killed (cpu limit of 0.1 s exceeded)")
    assert.equal(7, at(2, "box:close() box = sandbox.new() return box:dostring('return 7')"))
  end)

  it("takes the boxes below the killed one along: their memory, too", function()
    local top = opened { cpu = 20 }
    top:dostring(MAKE, MAKE, 1, 4)
    top:dostring(AT, AT, 3, "s = ('x'):rep(2^23)")
    assert.equal(3, top:usage().boxes)
    local resident = helpers.resident()
    top:limits { cpu = 0.05 }
    raises(function() top:dostring(LONG_C_CALL) end, "cpu limit")
    assert.same({ "killed", "cpu" }, { top:status() })
    assert.equal(0, top:usage().boxes)
    assert.equal(0, top:usage().memory)
    assert.is_true(top:usage().memory_peak >= 2 ^ 23)
    assert.is_true(helpers.resident() < resident - 2 ^ 22)
  end)

  it("does so while one below is in the middle of a call that came up", function()
    local top = opened { cpu = 0.1 }
    raises(function()
      top:dostring([[
        local long = ...
        local below = sandbox.new()
        below:set("up", function() return (loadstring or load)(long)() end)
        below:dostring("up()")]], LONG_C_CALL)
    end, "cpu limit of 0.1 s exceeded")
    assert.same({ "killed", "cpu" }, { top:status() })
    assert.equal(0, top:usage().boxes)
    assert.equal(0, top:usage().memory)
  end)
end)

describe("a box gives itself no more", function()
  after_each(helpers.tidy)

  --- Asserts that the code is stopped by the box's cpu limit of 0.1 s, and spends no more than that and some.
  local function assert_no_more_cpu(code, ...)
    local box = opened { cpu = 0.1 }
    helpers.assert_cpu_stop(box, 0.1, code, ...)
    assert.is_true(box:usage().cpu < 0.5, "spent " .. box:usage().cpu)
  end

  it("CPU time by boxes without a limit, one after another or inside one another", function()
    assert_no_more_cpu("while true do pcall(sandbox.run, 'for i = 1, 1e5 do end', { cpu = math.huge, per = 'call' }) end")
    assert_no_more_cpu([[
      local dive = ...
      while true do pcall((loadstring or load)(dive), dive) end]], [[
      local dive = ...
      local ok, b = pcall(sandbox.new, { cpu = math.huge, wall = math.huge, per = "call" })
      if not ok then while true do end end
      b:opensandbox()
      return b:dostring(dive, dive)]])
  end)

  it("CPU time by new limits for a box below, set while that one runs", function()
    assert_no_more_cpu([[
      local b = sandbox.new { cpu = 0.01 }
      b:set("more", function() b:limits { cpu = math.huge, wall = math.huge, per = "call" } end)
      while true do pcall(b.dostring, b, "while true do more() for i = 1, 1000 do end end") b:limits { cpu = 1 } end]])
  end)

  it("CPU time by calls up, by coroutines, by proxies, by closing what runs", function()
    assert_no_more_cpu([[
      local b = sandbox.new()
      b:set("up", function() while true do pcall(error) end end)
      while true do pcall(b.dostring, b, "pcall(up)") end]])
    assert_no_more_cpu([[
      while true do
        local b = sandbox.new()
        b:set("close", function() b:close() end)
        local f = b:load("coroutine.wrap(function() for i = 1, 1000 do end end)() close()")
        pcall(coroutine.wrap(function() f() end))
      end]])
  end)

  it("real time, however deep", function()
    local top, at = chain(1, { cpu = 60 })
    top:limits { wall = 0.1 }
    for _, code in ipairs { "while true do end", "while true do pcall(function() while true do end end) end" } do
      if top:status() == "exhausted" then top:limits { wall = 0.1 } end
      local began = helpers.now()
      raises(function() at(9, "box = sandbox.new { wall = math.huge, cpu = math.huge } box:dostring([==[" .. code .. "]==])") end)
      assert.is_true(helpers.now() - began < 10)
      assert.equal("wall", select(2, top:status()))
    end
  end)

  it("memory: all heaps, values on their way and streams below count", function()
    local HOGS = {
      "local t = {} for i = 1, 1e6 do t[i] = sandbox.new { memory = math.huge } end",
      "local b = sandbox.new { memory = math.huge } b:limits { memory = 2^40 } b:dostring('t = {} for i = 1, 1e9 do t[i] = {} end')",
      "local b = sandbox.new() local s = ('x'):rep(1.5 * 2^20) for i = 1, 1e6 do b:set('s' .. i, s) end",
      "local b = sandbox.new() local t = {} for i = 1, 1e6 do t[i] = b:dostring('return ((...):rep(2^18))', tostring(i):sub(-1)) .. i end",
      "local b = sandbox.new() local t = {} " ..
        "for i = 1, 1e6 do t[i] = b:dostring('local t = {} for i = 1, 500 do t[i] = function() return i end end return t') end",
      -- Here it is the reader that runs out, and the read fails.
      "local b = sandbox.new() b:stdin(sandbox.newstream(function() return ('x'):rep(2^16) end)) " ..
        "b:dostring('if not io.read(\"*a\") then error(\"not enough memory\") end')",
      "local b = sandbox.new() b:opensandbox() b:dostring('t = {} for i = 1, 1e6 do t[i] = sandbox.new() end')",
      "local b = sandbox.new() b:dostring('return ...', (('x'):rep(2^23)))",
    }
    for _, code in ipairs(HOGS) do
      local box = opened { memory = 6 * MiB, cpu = 30 }
      local resident = helpers.resident()
      raises(function() box:dostring(code) end, "not enough memory")
      assert.is_true(box:usage().memory_peak <= 6 * MiB, code)
      -- Twice the limit and a little, as the README says; and what the host's own allocator keeps.
      assert.is_true(helpers.resident() - resident < 24 * MiB, code)
      assert.equal("ready", (box:status()))
    end
  end)

  it("output: whoever writes it, wherever it goes", function()
    for _, code in ipairs {
      "while true do local b = sandbox.new() b:stdout(io.stdout) b:dostring('io.write([[0123456789]])') end",
      "while true do sandbox.run('print([[123456789]])', { output = math.huge, per = 'call' }) end",
      "local b = sandbox.new { output = 1000 } b:stderr(io.stdout) " ..
        "while true do b:limits { output = 1000 } b:dostring('io.stderr:write([[0123456789]])') end",
      "local b = sandbox.new() b:opensandbox() b:stdout(io.stdout) b:dostring('while true do sandbox.run(\"print([[123456789]])\") end')",
      "local b = sandbox.new() b:stdout(sandbox.newstream(nil, function() end)) while true do b:dostring('io.write([[0123456789]])') end",
    } do
      local box = opened { output = 95, cpu = 20 }
      local text = helpers.captured(box)
      raises(function() box:dostring(code) end, "output limit of 95 bytes exceeded")
      assert.equal(95, box:usage().output, code)
      assert.is_true(#text() <= 95, code)
      assert.same({ "exhausted", "output" }, { box:status() })
    end
  end)

  it("depth: neither by limits, nor by options, nor by closing", function()
    local box = opened { depth = 2 }
    assert.equal(2, box:dostring([[
      local made = 0
      local function dive(options)
        local b = sandbox.new(options)
        made = 1
        b:opensandbox()
        b:limits { depth = 100 }
        assert(b:limits().depth == 1)
        local deeper = [=[
          local b = sandbox.new { depth = 100 }
          b:opensandbox()
          b:limits { depth = 100 }
          assert(b:limits().depth == 0)
          for _ = 1, 3 do
            local ok, message = pcall(b.dostring, b, "return sandbox.new { depth = 100 }")
            assert(not ok and message:find("depth limit", 1, true), message)
          end
          b:close()
          return 1]=]
        for _ = 1, 3 do made = 1 + b:dostring(deeper) end
        b:close()
      end
      dive() dive { depth = math.huge } dive { depth = 9 }
      return made]]))
    -- Lowered under boxes that are there: those stay, and no more are made.
    box:dostring("a = sandbox.new() a:opensandbox()")
    box:limits { depth = 1 }
    raises(function() box:dostring("a:dostring('sandbox.new()')") end, "depth limit of 1 levels exceeded")
    assert.equal(3, box:dostring("return a:dostring('return 3')"))
  end)
end)
