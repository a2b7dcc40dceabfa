--- Manual, section 3: the cpu limit, its message, its allowances.

local helpers = require "spec.helpers"

local raises = helpers.raises

-- Spends that much of the box's CPU time.
local SPEND = "local stop = os.clock() + ... while os.clock() < stop do end"

describe("the cpu limit", function()
  after_each(helpers.tidy)

  it("stops each form of loop, and says where", function()
    local loops = {
      "while true do end", "repeat until false", "for i = 1, math.huge do end", "for i = 1, 2^53 do end",
      "local i = 0 while true do i = i + 1 end", "local function f() return f() end f()",
      "local t = {} while true do t.x = (t.x or 0) + 1 end", "while true do local s = ('x'):upper() end",
      "while true do pcall(error, 'x') end", "for k in function() return 1 end do end",
      "while true do tostring(1) end", "while true do local t = { 1, 2, 3 } end",
      "local t = setmetatable({}, { __index = function(t, k) return k end }) while true do local x = t.x end",
    }
    if helpers.version >= 52 or helpers.is_jit then loops[#loops + 1] = "::top:: goto top" end
    for _, code in ipairs(loops) do
      local message = helpers.assert_cpu_stop(helpers.box { cpu = 0.1 }, 0.1, code)
      assert.is_truthy(message:find("cpu limit of 0.1 s exceeded$"), message)
    end
  end)

  it("puts the position in front where it is known", function()
    local box = helpers.box { cpu = 0.1 }
    local message = helpers.assert_cpu_stop(box, 0.1, "local x\n\nwhile true do x = 1 end")
    assert.is_true(message == "cpu limit of 0.1 s exceeded"
      or message:find('^%[string "local x%.%.%."%]:3: cpu limit of 0%.1 s exceeded$') ~= nil, message)
    if not helpers.is_jit then assert.is_truthy(message:find(":3: ", 1, true), message) end
  end)

  it("is 10 s unless said otherwise", function()
    assert.equal(10, helpers.box():limits().cpu)
  end)

  it("is lifted by math.huge", function()
    local box = helpers.box { cpu = math.huge }
    box:dostring(SPEND, 0.3)
    assert.equal(math.huge, box:limits().cpu or math.huge)
    assert.equal("ready", (box:status()))
  end)

  it("lasts for the box's life: many calls spend one allowance", function()
    local box = helpers.box { cpu = 0.3 }
    local calls = 0
    raises(function()
      for _ = 1, 100 do
        box:dostring(SPEND, 0.05)
        calls = calls + 1
      end
    end, "cpu limit of 0.3 s exceeded")
    assert.is_true(calls >= 2 and calls <= 7, calls .. " calls of 0.05 s")
    helpers.assert_stopped(box, "cpu", true)
  end)

  it("lasts for each call with per = 'call'", function()
    local box = helpers.box { cpu = 0.3, per = "call" }
    assert.equal("call", box:limits().per)
    for _ = 1, 10 do box:dostring(SPEND, 0.05) end
    assert.equal("ready", (box:status()))
    assert.is_true(box:usage().cpu >= 0.3)
    helpers.assert_cpu_stop(box, 0.3, "while true do end")
  end)

  it("starts anew with box:limits, for what is named alone", function()
    local box = helpers.box { cpu = 1 }
    for _ = 1, 2 do
      box:dostring(SPEND, 0.7)
      box:limits { cpu = 1 }
    end
    box:dostring(SPEND, 0.7)
    box:limits { memory = 2 ^ 25 }
    local before = box:usage().cpu
    raises(function() box:dostring(SPEND, 5) end, "cpu limit of 1 s exceeded")
    -- 0.3 s were left; a fresh allowance would have been 1 s.
    local spent = box:usage().cpu - before
    assert.is_true(spent < 0.9, "spent " .. spent)
  end)

  it("counts in box:usage what was spent over the whole life", function()
    local box = helpers.box()
    for i = 1, 4 do
      box:dostring(SPEND, 0.05)
      local cpu = box:usage().cpu
      assert.is_true(cpu >= i * 0.04 and cpu < i * 0.05 + 1, "spent " .. cpu)
    end
  end)

  it("leaves out what the host's functions spend", function()
    local box = helpers.box { cpu = 0.2 }
    box:set("burn", function() helpers.burn(0.4) end)
    box:dostring("burn() burn()")
    assert.equal("ready", (box:status()))
    assert.is_true(box:usage().cpu < 0.2, "the host's time was charged")
    box:stdin(require("sandbox").newstream(function() helpers.burn(0.3) return "line\n" end))
    assert.equal("line", box:dostring("return io.read('*l')"))
  end)

  it("leaves out the time in which the host's functions sleep", function()
    local box = helpers.box { cpu = 0.1 }
    box:set("sleep", function() helpers.sleep(0.3) end)
    box:dostring("sleep()")
    assert.is_true(box:usage().cpu < 0.1)
  end)

  it("holds in what a host's function calls back", function()
    local box = helpers.box { cpu = 0.2 }
    local caught
    box:set("again", function()
      caught = not pcall(box.dostring, box, "while true do end")
    end)
    raises(function() box:dostring("again() while true do end") end, "cpu limit of 0.2 s exceeded")
    assert.is_true(caught)
    helpers.assert_stopped(box, "cpu")
  end)

  it("holds in functions of the box that the host calls", function()
    local box = helpers.box { cpu = 0.1 }
    box:dostring("function spin() while true do end end")
    local spin = box:get("spin")
    raises(spin, "cpu limit of 0.1 s exceeded")
    helpers.assert_stopped(box, "cpu")
  end)

  it("of zero is refused, or stops at once", function()
    local made, box = pcall(helpers.box, { cpu = 0 })
    if made then
      raises(function() box:dostring("while true do end") end, "cpu limit of 0 s exceeded")
      helpers.assert_stopped(box, "cpu")
    else
      assert.is_truthy(tostring(box):find("cpu", 1, true))
    end
  end)

  it("gives the host control back soon after", function()
    local worst = 0
    for _ = 1, 10 do
      local box = helpers.box { cpu = 0.02 }
      local before = os.clock()
      pcall(box.dostring, box, "while true do end")
      worst = math.max(worst, os.clock() - before)
    end
    -- 50 ms after the limit is the promise; a loaded machine gets ten times that.
    assert.is_true(worst < 0.02 + 0.5, ("the worst of 10 stops took %.3f s"):format(worst))
  end)

  it("leaves other boxes alone", function()
    local a, b = helpers.box { cpu = 0.1 }, helpers.box { cpu = 5 }
    b:dostring("n = 0")
    for _ = 1, 5 do
      pcall(a.dostring, a, "while true do end")
      assert.is_number(b:dostring("n = n + 1 return n"))
    end
    assert.equal(5, b:get("n"))
    assert.equal("ready", (b:status()))
  end)

  it("stops only the box whose limit it is, three boxes deep", function()
    local outer, middle, inner = helpers.box { cpu = 5 }, helpers.box { cpu = 5 }, helpers.box { cpu = 0.1 }
    local message
    middle:set("call", function()
      local ok, got = pcall(inner.dostring, inner, "while true do end")
      message = got
      return ok
    end)
    outer:set("call", function() return (middle:dostring("return call()")) end)
    assert.is_false(outer:dostring("return call()"))
    assert.is_truthy(message:find("cpu limit of 0.1 s exceeded", 1, true))
    helpers.assert_stopped(inner, "cpu")
    assert.equal("ready", (middle:status()))
    assert.equal("ready", (outer:status()))
  end)
end)
