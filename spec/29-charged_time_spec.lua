--- Manual, section 3: whose CPU time it is. What runs inside a box is charged to it and to every box above it; what the
-- host does in between (its functions, readers, writers, cleaners, env functions) to no box, however calls in and out are
-- nested. `wall` counts all of it. The shapes are those of php-luasandbox's timer tests, and more.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, burn = helpers.raises, helpers.burn

-- The box spends A of its own in each place, the host B in each of its own: so much more that one of them in the
-- wrong account would show.
local A, B = 0.02, 0.06

local SPEND = "local function spend(n) local stop = os.clock() + (n or 0.02) while os.clock() < stop do end end "

--- Asserts that the box has been charged for so many stretches of its own, and for none of the host's.
local function assert_charged(box, stretches, what)
  local cpu = box:usage().cpu
  assert.is_true(cpu >= stretches * A * 0.9, ("%s: only %.3f s charged for %d stretches"):format(what, cpu, stretches))
  assert.is_true(cpu < stretches * A + B * 0.8, ("%s: %.3f s charged for %d stretches"):format(what, cpu, stretches))
end

-- { what, stretches of the box's own, code, prepare(box) }
local SHAPES = {
  { "nothing but the box", 2, "spend() spend()" },
  { "the host between two stretches", 2, "spend() host() spend()" },
  { "the host alone, again and again", 0, "host() host() host()" },
  { "the box again inside the host's function", 3, "spend() back() spend()", function(box)
      box:set("back", function()
        burn(B)
        box:dostring(SPEND .. "spend()")
        burn(B)
      end)
    end },
  { "five crossings deep", 3, "spend() deeper(2)", function(box)
      box:set("deeper", function(n)
        burn(B / 2)
        if n > 0 then box:dostring(SPEND .. "spend() deeper(...)", n - 1) end
      end)
    end },
  { "a function of the box that the host calls back", 3, "spend() call(function() spend() host() spend() end)", function(box)
      box:set("call", function(f)
        burn(B)
        f()
      end)
    end },
  { "a function of the host that comes back through the box", 1, "pass(host) spend()", function(box)
      box:set("pass", function(f) f() f() end)
    end },
  { "get, set and load from inside the host's function", 2, "x = 1 spend() poke() spend()", function(box)
      box:set("poke", function()
        burn(B)
        box:set("y", box:get("x"))
        assert(box:load("return y")() == 1)
        burn(B)
      end)
    end },
  { "coroutines on both sides", 2, "coroutine.wrap(function() spend() host() end)() within() spend()", function(box)
      box:set("within", function()
        local co = coroutine.create(function() burn(B) end)
        assert(coroutine.resume(co))
      end)
    end },
  { "an error of the host, caught inside", 2, "spend() pcall(fail) pcall(fail) spend()", function(box)
      box:set("fail", function()
        burn(B)
        error("failed")
      end)
    end },
  { "an error of the box, caught by the host", 2, "spend() catch()", function(box)
      box:set("catch", function()
        burn(B)
        assert(not pcall(box.dostring, box, SPEND .. "spend() error('caught')"))
        burn(B)
      end)
    end },
  { "a reader of the host", 2, "spend() assert(io.read('*l') == 'line') spend() io.read('*a')", function(box)
      local lines = { "line\n", "rest" }
      box:stdin(sandbox.newstream(function()
        burn(B)
        return table.remove(lines, 1)
      end))
    end },
  { "a reader that runs the box again", 2, "assert(io.read('*l') == 'from the box') spend()", function(box)
      box:stdin(sandbox.newstream(function()
        burn(B)
        return box:dostring(SPEND .. "spend() return 'from the box\\n'")
      end))
    end },
  { "a writer of the host", 2, "spend() io.write(('x'):rep(20000)) io.stdout:flush() spend() io.stdout:flush()", function(box)
      box:stdout(sandbox.newstream(nil, function() burn(B / 4) end))
    end },
  { "an env function of the host", 2, "spend() assert(os.getenv('NAME') == 'value') spend()", function(box)
      box:env(function()
        burn(B)
        return "value"
      end)
    end },
  { "many short turns of the host", 1, "local t = {} for i = 1, 60 do t[i] = -i end table.sort(t, compare) spend()", function(box)
      local turns = 0
      box:set("compare", function(a, b)
        turns = turns + 1
        if turns <= 60 then burn(0.001) end
        return a < b
      end)
    end },
  { "a metamethod that is the host's", 1, "local t = setmetatable({}, { __index = slow }) local x = t.a x = t.b spend()", function(box)
      box:set("slow", function() burn(B) return 1 end)
    end },
  { "limits and usage asked from the host's function", 2, "spend() ask() spend()", function(box)
      box:set("ask", function()
        burn(B)
        assert(box:usage().cpu < A + B * 0.8)
        assert(box:limits().cpu == 10)
        burn(B)
      end)
    end },
}

describe("CPU time of the host is not charged:", function()
  after_each(helpers.tidy)

  for _, shape in ipairs(SHAPES) do
    local what, stretches, code, prepare = helpers.unpack(shape, 1, 4)
    it(what, function()
      helpers.in_some_turn(function()
        local box = helpers.box { wall = 60 }
        box:set("host", function() burn(B) end)
        if prepare then prepare(box) end
        local wall = helpers.now()
        box:dostring(SPEND .. code)
        wall = helpers.now() - wall
        assert_charged(box, stretches, what)
        -- All of it is real time of the box.
        assert.is_true(box:usage().wall >= wall * 0.5)
        assert.is_true(box:usage().wall <= wall + 0.5)
      end)
    end)
  end

  it("nor is another box's that the host runs in between, nor the first one's to that", function()
    helpers.in_some_turn(function()
      local a, b = helpers.box(), helpers.box()
      a:set("other", function()
        burn(B)
        b:dostring(SPEND .. "spend() back() spend(0.15)")
      end)
      b:set("back", function() a:dostring(SPEND .. "spend()") end)
      a:dostring(SPEND .. "spend() other() spend()")
      assert_charged(a, 3, "the first")
      local cpu = b:usage().cpu
      assert.is_true(cpu >= 0.108 and cpu < 0.12 + 3 * A, "the other was charged " .. cpu)
    end)
  end)

  it("is left out of os.clock in the box, too", function()
    local box = helpers.box()
    box:set("host", function() burn(0.2) end)
    local spent = box:dostring("local before = os.clock() host() return os.clock() - before")
    assert.is_true(spent < 0.15, "os.clock went on by " .. spent)
  end)

  it("holds where the host's function is stopped, left or fails in a second box", function()
    helpers.in_some_turn(function()
      local box, other = helpers.box(), helpers.box { cpu = 0.05 }
      box:set("run", function()
        pcall(other.dostring, other, "while true do end")
        burn(B)
        other:limits { cpu = 0.05 }
        pcall(other.dostring, other, "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))")
      end)
      box:dostring(SPEND .. "spend() run() spend()")
      assert_charged(box, 2, "the box above the stops")
    end)
  end)
end)

describe("CPU time of boxes below", function()
  after_each(helpers.tidy)

  local function cpu_of(box, ...)
    local t = { n = select("#", ...), ... }
    t[#t + 1] = box:usage().cpu
    return helpers.unpack(t)
  end

  local function assert_near(expected, got, what)
    assert.is_true(got >= expected * 0.9 and got < expected + 0.1, ("%s: %.3f s instead of %.3f"):format(what, got, expected))
  end

  it("is charged to each box above, and what those do is not charged to them", function()
    helpers.in_some_turn(function()
      local box = helpers.box()
      box:opensandbox()
      box:set("host", function() burn(0.1) end)
      local low, middle, top = cpu_of(box, box:dostring(SPEND .. [[
        local SPEND = ...
        local middle = sandbox.new()
        middle:opensandbox()
        middle:set("SPEND", SPEND)
        middle:set("host", host)
        -- The top's own function: its time, nobody's below.
        middle:set("above", function() spend(0.15) host() end)
        local low, mine = middle:dostring(SPEND .. [=[
          local low = sandbox.new()
          low:set("above", above)
          low:set("host", host)
          low:set("middle", function() spend(0.1) above() end)
          spend(0.05)
          low:dostring(SPEND .. "spend(0.1) above() host() middle() host() spend(0.1)")
          return low:usage().cpu]=])
        return low, middle:usage().cpu]], SPEND))
      -- low: 0.2; middle: 0.05 + 0.1 of its own; top: 2 * 0.15 of its own.
      assert_near(0.2, low, "the lowest")
      assert_near(0.35, middle, "the middle one")
      assert_near(0.65, top, "the top")
    end)
  end)

  it("ends a box's own allowance only: a function of the box above, called from below, spends that one's", function()
    local box = helpers.box { cpu = 5 }
    box:opensandbox()
    local ok, status, kind = box:dostring(SPEND .. [[
      local below = sandbox.new { cpu = 0.1 }
      below:set("above", function() spend(0.3) return "fine" end)
      local ok = below:dostring("return above()") == "fine"
      pcall(below.dostring, below, "while true do end")
      return ok, below:status()]])
    assert.is_true(ok)
    assert.is_true(status == "exhausted" or status == "killed")
    assert.equal("cpu", kind)
    assert.equal("ready", (box:status()))
  end)
end)

describe("wall time", function()
  after_each(helpers.tidy)

  it("goes on in all that is called from a box, at any depth, and stops each box by its own limit", function()
    local box, other = helpers.box { wall = 0.5 }, helpers.box { wall = 30 }
    local came_back
    box:set("other", function()
      other:dostring("nap()")
      came_back = true
    end)
    other:set("nap", function() helpers.sleep(0.7) end)
    raises(function() box:dostring("pcall(other) while true do end") end, "wall limit of 0.5 s exceeded")
    assert.is_true(came_back)
    helpers.assert_stopped(box, "wall", true)
    assert.equal("ready", (other:status()))
    assert.is_true(other:usage().wall >= 0.6 and other:usage().cpu < 0.1)
  end)

  it("counts for a box below what the boxes above do for it, and stops it alone", function()
    local box = helpers.box { wall = 60 }
    box:opensandbox()
    box:set("nap", function() helpers.sleep(0.6) end)
    local ok, message, status, kind, wall = box:dostring([[
      local below = sandbox.new { wall = 0.4 }
      below:set("above", function() nap() end)
      local ok, message = pcall(below.dostring, below, "above() reached = true")
      local status, kind = below:status()
      return ok, message, status, kind, below:usage().wall]])
    assert.is_false(ok)
    assert.is_truthy(message:find("wall limit of 0.4 s exceeded", 1, true))
    assert.same({ "exhausted", "wall" }, { status, kind })
    assert.is_true(wall >= 0.5)
    assert.equal("ready", (box:status()))
  end)
end)

describe("allowances", function()
  after_each(helpers.tidy)

  it("are set from a host's function while the box runs: more, less, and lifted", function()
    local box = helpers.box { cpu = 0.1, output = 10 }
    box:set("more", function()
      box:limits { cpu = 5, output = 1000 }
    end)
    -- Each would have stopped it.
    box:dostring(SPEND .. "more() spend(0.2) io.write(('x'):rep(100)) nap = 1")
    assert.equal("ready", (box:status()))
    box:set("less", function() box:limits { cpu = 0.05 } end)
    raises(function() box:dostring("less() while true do end") end, "cpu limit of 0.05 s exceeded")
    helpers.assert_stopped(box, "cpu")

    local output = helpers.box { output = 10 }
    output:set("less", function() output:limits { output = 3 } end)
    output:set("none", function() output:limits { output = math.huge } end)
    output:dostring("io.write('12345678')")
    raises(function() output:dostring("less() io.write('abcd')") end, "output limit of 3 bytes exceeded")
    output:limits { output = 10 }
    output:dostring("none() io.write(('x'):rep(1000))")
    assert.equal("ready", (output:status()))

    local wall = helpers.box { wall = 30 }
    wall:set("less", function() wall:limits { wall = 0.05 } end)
    raises(function() wall:dostring("less() while true do end") end, "wall limit of 0.05 s exceeded")

    local memory = helpers.box()
    memory:set("less", function() memory:limits { memory = 2 ^ 21 } end)
    memory:set("more", function() memory:limits { memory = 2 ^ 24 } end)
    raises(function() memory:dostring("less() return #('x'):rep(2^22)") end, "not enough memory")
    assert.equal(2 ^ 22, memory:dostring("more() return #('x'):rep(2^22)"))
  end)

  it("are renewed in the middle of a call as often as the host likes", function()
    local box = helpers.box { cpu = 0.1 }
    local renewed = 0
    box:set("renew", function()
      renewed = renewed + 1
      box:limits { cpu = 0.1 }
    end)
    box:dostring(SPEND .. "for _ = 1, 6 do spend(0.05) renew() end")
    assert.equal(6, renewed)
    assert.is_true(box:usage().cpu >= 0.27)
  end)

  it("of a call begin with a call from the host, not with one that comes back while it runs", function()
    local box = helpers.box { cpu = 0.15, per = "call" }
    box:set("again", function(...) return box:dostring(...) end)
    raises(function()
      box:dostring("while true do again(\"local stop = os.clock() + 0.04 while os.clock() < stop do end\") end")
    end, "cpu limit of 0.15 s exceeded")
    local other = helpers.box { output = 100, per = "call" }
    other:set("again", function(...) return other:dostring(...) end)
    local written = helpers.captured(other)
    for round = 1, 2 do
      raises(function() other:dostring("while true do again(\"io.write(('x'):rep(30))\") end") end, "output limit of 100 bytes")
      -- The next call from the host has its own.
      assert.equal(100 * round, #written())
    end
  end)

  it("of a call, in a box below, begin with each call of the box above, which pays for all of them", function()
    local box = helpers.box { cpu = 0.3 }
    box:opensandbox()
    local calls = 0
    box:set("count", function() calls = calls + 1 end)
    raises(function()
      box:dostring([[
        local below = sandbox.new { cpu = 0.1, per = "call" }
        while true do
          below:dostring("local stop = os.clock() + 0.05 while os.clock() < stop do end")
          count()
        end]])
    end, "cpu limit of 0.3 s exceeded")
    helpers.assert_stopped(box, "cpu")
    assert.is_true(calls >= 2 and calls <= 6, calls .. " calls")
  end)

  it("can't be changed from inside: a box has no way to its own handle", function()
    local box = helpers.box { cpu = 1 }
    box:opensandbox()
    box:set("lend", function() end)
    local found = box:dostring([[
      local seen, found = {}, 0
      local function look(value)
        if type(value) == "userdata" and tostring(value):find("^sandbox") then found = found + 1 end
        if type(value) ~= "table" or seen[value] then return end
        seen[value] = true
        for k, v in pairs(value) do look(k) look(v) end
        look(getmetatable(value))
      end
      look(_G)
      look(package.loaded)
      look(getmetatable(io.stdout))
      look(getmetatable(""))
      return found]])
    assert.equal(0, found)
    -- Nor can it be handed one: a handle does not cross.
    raises(function() box:set("box", box) end, "cannot cross")
    raises(function() box:dostring("", box) end, "cannot cross")
    box:set("self", function() return box end)
    assert.is_false(box:dostring("return (pcall(self))"))
    -- A method that it has from a box of its own knows only boxes of its own.
    assert.is_true(box:dostring([[
      local below = sandbox.new()
      local limits = below.limits
      return not pcall(limits) and not pcall(limits, nil, { cpu = 5 }) and not pcall(limits, io.stdout, { cpu = 5 })]]))
    assert.equal(1, box:limits().cpu)
  end)
end)
