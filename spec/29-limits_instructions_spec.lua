--- Manual, section 3: the instructions limit counts exactly and repeatably, across coroutines and nested boxes. Whose allowance
-- ends first among nested boxes is in 29-limits_instructions_below, finalizers are in 29-limits_instructions_finalizers.

local helpers = require "spec.helpers"

local raises = helpers.raises
local RUNS = 50
-- More than any case here runs.
local MANY = 1e12

-- Each does all its work in about `size` rounds and comes to an end; `f` is a function of the host that calls what it gets.
local SCRIPTS = {
  { "a loop", "for i = 1, size * 10 do progress = i end" },
  { "calls", "local function fib(n) progress = n return n < 2 and n or fib(n - 1) + fib(n - 2) end fib(12)" },
  { "coroutines that yield", [[for i = 1, size do
      local co = coroutine.wrap(function(...) for j = 1, 5 do progress = i coroutine.yield(j) end end)
      for j = 1, 5 do co(j) end
    end]] },
  { "coroutines in coroutines", [[local function nest(n)
      progress = n
      if n > 0 then return coroutine.wrap(nest)(n - 1) end
    end
    for i = 1, size do nest(5) end]] },
  { "coroutines that fail", [[for i = 1, size do
      progress = i
      coroutine.resume(coroutine.create(function() for j = 1, 9 do end error("x") end))
    end]] },
  { "pcall", "for i = 1, size do pcall(function() progress = i error('x') end) end" },
  { "xpcall handlers", [[for i = 1, size do
      xpcall(function() error("x") end, function(m) for j = 1, 9 do progress = i end return m end)
    end]] },
  { "callbacks of strings and tables", [[for i = 1, size do
      local s = (("abcdef"):gsub("%w", function(c) progress = i return c end))
      local t = {} for j = 1, 20 do t[j] = (j * 7) % 20 end
      table.sort(t, function(a, b) progress = -i return a < b end)
    end]] },
  { "metamethods", [[local t = setmetatable({}, { __index = function(_, k) progress = k return k end,
      __add = function(a, b) for i = 1, 3 do progress = i end return a end,
      __lt = function() return true end, __concat = function() return "" end })
    for i = 1, size do local x = t[i] x = t + t x = t < t x = t .. "x" end]] },
  { "callbacks of the host", "for i = 1, size do f(function(...) for j = 1, 9 do progress = i end return ... end, i) end" },
  { "code loaded in the box", "for i = 1, size do (loadstring or load)('progress = ' .. i)() end" },
  { "boxes below", [[for i = 1, math.floor(size / 20) do
      local box = sandbox.new()
      progress = box:dostring("local n = 0 for i = 1, 50 do n = n + 1 end return n")
      box:close()
    end]] },
  { "os.exit", "for i = 1, size do progress = i end os.exit(3)" },
}

--- A box that has what the scripts need, under that limit.
local function prepared(limit, more)
  local options = more or {}
  options.instructions = nil
  local box = helpers.box(options)
  box:opensandbox()
  box:set("size", 100)
  box:set("f", function(g, ...) return g(...) end)
  box:limits { instructions = limit }
  return box
end

--- Runs the code: what is the same on each run, in one string; and what was counted.
local function outcome(code, limit, more)
  local box = prepared(limit, more)
  local ok, message = pcall(box.dostring, box, code)
  local status, kind = box:status()
  local usage = box:usage()
  local counted = usage.instructions
  if status == "exhausted" then box:limits { instructions = MANY } end
  local progress = status ~= "killed" and box:get("progress")
  box:close()
  return ("%s %s %s %s %s %d %s"):format(tostring(ok), tostring(message), status, tostring(kind), tostring(usage.exit), counted,
    tostring(progress)), counted
end

describe("the instructions limit", function()
  after_each(helpers.tidy)

  it("is none unless asked for, and nothing is counted then", function()
    local box = helpers.box()
    assert.equal(math.huge, box:limits().instructions)
    box:dostring("for i = 1, 1000 do end")
    assert.equal(0, box:usage().instructions)
  end)

  it("counts each instruction once", function()
    local function count(n)
      local box = helpers.box { instructions = MANY }
      box:dostring(("for i = 1, %d do end"):format(n))
      return box:usage().instructions
    end
    local hundred = count(100)
    assert.is_true(hundred >= 101 and hundred < 110, "counted " .. hundred)
    assert.equal(hundred + 900, count(1000))
    assert.equal(hundred + 99900, count(100000))
  end)

  it("says what it is, position in front, and leaves a traceback and a box that runs again", function()
    local box = helpers.box { instructions = 10000 }
    local message = raises(function() box:dostring("local function spin()\n  n = 0\n  while true do n = n + 1 end\nend\nspin()") end)
    assert.is_truthy(message:find("^%[string .*%]:3: instructions limit of 10000 instructions exceeded$"), message)
    assert.same({ "exhausted", "instructions" }, { box:status() })
    assert.equal(10000, box:usage().instructions)
    assert.is_truthy(box:traceback():find(":3: in .*\n.*:5: in main chunk"), box:traceback())
    raises(function() box:dostring("return 1") end, "instructions limit of 10000 instructions exceeded")
    box:limits { cpu = 5 }
    assert.equal("exhausted", (box:status()))
    box:limits { instructions = 1000 }
    assert.equal("ready", (box:status()))
    assert.is_true(box:get("n") > 1000)
    assert.equal(1000, box:limits().instructions)
    assert.equal(55, box:dostring("local n = 0 for i = 1, 10 do n = n + i end return n"))
  end)

  for _, script in ipairs(SCRIPTS) do
    local name, code = script[1], script[2]

    it("is exact and repeatable with " .. name, function()
      local whole, all = outcome(code, MANY)
      assert.is_truthy(whole:find("^true nil ready"), whole)
      assert.is_true(all > 100)
      -- All that it needs is enough, and one less is not.
      assert.equal(whole, (outcome(code, all)))
      for _, limit in ipairs { 1, math.floor(all / 3), math.floor(all * 0.7), all - 1 } do
        local first, counted = outcome(code, limit)
        assert.is_truthy(first:find(("instructions limit of %d instructions exceeded exhausted instructions"):format(limit), 1, true),
          first)
        assert.equal(limit, counted)
        for _ = 2, math.ceil(RUNS / 4) do assert.equal(first, (outcome(code, limit))) end
      end
      for _ = 2, RUNS do assert.equal(whole, (outcome(code, MANY))) end
    end)
  end

  it("can't be caught or outrun, and leaves a sound box", function()
    local places = {
      "while true do end", "while true do pcall(error) end", "while true do pcall(function() while true do end end) end",
      "xpcall(error, function() while true do end end)", "local function f() pcall(f) while true do end end f()",
      "local function nest(n) if n == 0 then while true do end end return coroutine.wrap(nest)(n - 1) end nest(20)",
      -- A farm: none lives long enough for a count of its own.
      "while true do coroutine.wrap(function() end)() end",
      "while true do coroutine.resume(coroutine.create(function() pcall(function() coroutine.yield() end) end)) end",
      "local function grow() coroutine.wrap(grow)() coroutine.wrap(grow)() end while true do pcall(grow) end",
      "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
      "local t = setmetatable({}, { __index = coroutine.wrap(function() while true do coroutine.yield(1) end end) }) "
        .. "while true do local x = t.x end",
      "return (('x'):rep(100):gsub('x', function() while true do end end))", "load(function() while true do end end)",
      "table.sort({ 1, 2, 3 }, function() while true do end end)", "while true do f(function() while true do end end) end",
      "while true do pcall(sandbox.run, 'while true do end') end", "while true do sandbox.new():dostring('local x = 1') end",
      "while true do (loadstring or load)('local x = 1')() end",
    }
    for _, code in ipairs(places) do
      local box = prepared(20000)
      raises(function() box:dostring(code) end, "instructions limit of 20000 instructions exceeded")
      assert.same({ "exhausted", "instructions" }, { box:status() }, code)
      assert.equal(20000, box:usage().instructions, code)
      box:limits { instructions = 1000 }
      assert.equal(7, box:dostring("collectgarbage() return 3 + 4"), code)
      box:close()
    end
  end)

  helpers.it_unless(helpers.no_close, "holds in __close", function()
    local box = helpers.box { instructions = 5000 }
    raises(function()
      box:dostring("while true do local x <close> = setmetatable({}, { __close = function() while true do end end }) end")
    end, "instructions limit of 5000 instructions exceeded")
    assert.same({ "exhausted", "instructions" }, { box:status() })
  end)

  it("leaves out what the host runs, and what runs in other boxes", function()
    local function count(work)
      local box = helpers.box { instructions = MANY }
      box:set("work", work)
      box:dostring("work()")
      return box:usage().instructions
    end
    local other = helpers.box()
    local nothing = count(function() end)
    assert.equal(nothing, count(function() for _ = 1, 10000 do tostring(1) end end))
    assert.equal(nothing, count(function() other:dostring("for i = 1, 1000 do end") end))
    assert.equal(0, other:usage().instructions)
  end)

  it("counts calls of the box's functions and what a host's function calls back", function()
    local box = helpers.box { instructions = MANY }
    box:dostring("function spin(n) for i = 1, n do end end")
    local spin = box:get("spin")
    local before = box:usage().instructions
    spin(1000)
    local once = box:usage().instructions - before
    assert.is_true(once > 1000 and once < 1020, "counted " .. once)
    box:set("again", function() box:dostring("spin(1000)") end)
    before = box:usage().instructions
    box:dostring("again() again()")
    local twice = box:usage().instructions - before
    assert.is_true(twice > 2 * once and twice < 2 * once + 50, "counted " .. twice)
  end)
end)

describe("the allowance of instructions", function()
  after_each(helpers.tidy)

  it("lasts for the box's life: many calls spend one", function()
    local box, calls = helpers.box { instructions = 10000 }, 0
    raises(function()
      for _ = 1, 100 do
        box:dostring("for i = 1, 1000 do end")
        calls = calls + 1
      end
    end, "instructions limit of 10000 instructions exceeded")
    assert.equal(9, calls)
    assert.equal(10000, box:usage().instructions)
  end)

  it("lasts for each call with per = 'call'", function()
    local box = helpers.box { instructions = 2000, per = "call" }
    for _ = 1, 10 do box:dostring("for i = 1, 1000 do end") end
    assert.is_true(box:usage().instructions > 10000)
    raises(function() box:dostring("while true do end") end, "instructions limit of 2000 instructions exceeded")
    assert.equal("exhausted", (box:status()))
    assert.equal(3, box:dostring("return 1 + 2"))
    assert.equal("ready", (box:status()))
  end)

  it("starts anew with box:limits, for what is named alone", function()
    local box = helpers.box { instructions = 1500 }
    for _ = 1, 3 do
      box:dostring("for i = 1, 1000 do end")
      box:limits { instructions = 1500 }
    end
    box:dostring("for i = 1, 1000 do end")
    box:limits { memory = 2 ^ 25, cpu = 5 }
    raises(function() box:dostring("for i = 1, 1000 do end") end, "instructions limit of 1500 instructions exceeded")
  end)

  it("set by a host's function takes effect at once, and box:usage() is right there", function()
    for _ = 1, 5 do
      local box, seen = helpers.box(), {}
      box:set("limit", function(n)
        seen[#seen + 1] = box:usage().instructions
        if n then box:limits { instructions = n } end
      end)
      raises(function()
        box:dostring("for i = 1, 5000 do end limit(1000) limit() for i = 1, 500 do end limit() limit(1000) while true do n = 1 end")
      end, "instructions limit of 1000 instructions exceeded")
      assert.equal("exhausted", (box:status()))
      local before, start, half, last = helpers.unpack(seen)
      assert.equal(0, before)
      assert.is_true(start > 0 and start < 10, "counted " .. start)
      assert.is_true(half - start > 500 and half - start < 520, "counted " .. half - start)
      assert.equal(last + 1000, box:usage().instructions)
    end
  end)

  it("set in a coroutine and below many calls takes effect at once", function()
    local box = helpers.box()
    box:set("limit", function() box:limits { instructions = 1000 } end)
    raises(function()
      box:dostring([[local function deep(n) if n == 0 then return limit() end deep(n - 1) end
        coroutine.wrap(function() pcall(deep, 50) end)() while true do end]])
    end, "instructions limit of 1000 instructions exceeded")
    assert.equal(1000, box:usage().instructions)
  end)

  it("is lifted by math.huge: nothing is counted any more", function()
    local box = helpers.box { instructions = 50000 }
    box:dostring("co = coroutine.wrap(function() while true do coroutine.yield() end end) for i = 1, 1000 do co() end")
    box:limits { instructions = math.huge }
    local before = box:usage().instructions
    box:dostring("for i = 1, 10000 do co() end")
    assert.equal(before, box:usage().instructions)
    assert.equal(math.huge, box:limits().instructions)
    box:limits { instructions = 5000 }
    raises(function() box:dostring("while true do co() end") end, "instructions limit of 5000 instructions exceeded")
    assert.equal(before + 5000, box:usage().instructions)
  end)

  it("lifted by a host's function lets the code run on", function()
    local box = helpers.box { instructions = 1000 }
    box:set("lift", function() box:limits { instructions = math.huge } end)
    assert.equal(10000, box:dostring("local n = 0 lift() for i = 1, 10000 do n = n + 1 end return n"))
    assert.is_true(box:usage().instructions < 100)
  end)

  helpers.it_unless(not helpers.is_jit and "there is no compiler here", "takes the compiler away, and gives it back", function()
    local code = "local n = 0 while true do n = n + 1 end"
    local box = helpers.box { cpu = 0.05, instructions = MANY }
    -- Interpreted code is stopped softly, compiled code hard.
    helpers.assert_cpu_stop(box, 0.05, code)
    assert.equal("exhausted", (box:status()))
    box:limits { cpu = 0.05, instructions = math.huge }
    helpers.assert_cpu_stop(box, 0.05, code)
    assert.equal("killed", (box:status()))
    -- Code that has been compiled is not run as such once instructions are limited.
    local warm = helpers.box()
    warm:dostring("function spin(n) for i = 1, n do end end spin(1e6)")
    warm:limits { instructions = 10000 }
    raises(function() warm:dostring("spin(1e9)") end, "instructions limit of 10000 instructions exceeded")
    assert.same({ "exhausted", "instructions" }, { warm:status() })
  end)

  it("goes on after another limit's stop", function()
    local box = helpers.box { instructions = MANY, cpu = 0.02 }
    for _ = 1, 3 do
      local before = box:usage().instructions
      raises(function() box:dostring("while true do end") end, "cpu limit of 0.02 s exceeded")
      assert.same({ "exhausted", "cpu" }, { box:status() })
      assert.is_true(box:usage().instructions > before)
      box:limits { cpu = 0.02 }
    end
    box:limits { instructions = 3000, cpu = 5 }
    raises(function() box:dostring("while true do coroutine.wrap(function() end)() end") end, "instructions limit of 3000")
  end)
end)
