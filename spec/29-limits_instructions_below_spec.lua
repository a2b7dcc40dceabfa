--- Manual, section 3: instructions of boxes below boxes are charged to each box above, and whichever allowance ends first stops them.

local helpers = require "spec.helpers"

local raises = helpers.raises
-- More than any case here runs.
local MANY = 1e12

describe("instructions of nested boxes", function()
  after_each(helpers.tidy)

  it("are charged to the box and each above it", function()
    local box = helpers.opened { instructions = MANY }
    local own, middle, inner = box:dostring([[
      local middle = sandbox.new { instructions = 1e9 }
      middle:opensandbox()
      local used = middle:dostring("inner = sandbox.new { instructions = 1e9 } inner:dostring('for i = 1, 1000 do end') "
        .. "return inner:usage().instructions")
      return 0, middle:usage().instructions, used]])
    assert.equal(0, own)
    assert.is_true(inner > 1000 and inner < 1020, "counted " .. inner)
    assert.is_true(middle > inner and middle < inner + 100, "counted " .. middle)
    local whole = box:usage().instructions
    assert.is_true(whole > middle and whole < middle + 100, "counted " .. whole)
  end)

  it("end by the box's own limit: those above go on", function()
    for _ = 1, 5 do
      local box = helpers.opened { instructions = MANY }
      local message, status, kind, used, again = box:dostring([[
        local box = sandbox.new { instructions = 5000 }
        local ok, message = pcall(box.dostring, box, "while true do end")
        local status, kind = box:status()
        local used = box:usage().instructions
        box:limits { instructions = 100 }
        return message, status, kind, used, box:dostring("return 1")]])
      assert.is_truthy(message:find("instructions limit of 5000 instructions exceeded", 1, true), message)
      assert.same({ "exhausted", "instructions", 5000, 1 }, { status, kind, used, again })
      assert.equal("ready", (box:status()))
      local whole = box:usage().instructions
      assert.is_true(whole > 5000 and whole < 5200, "counted " .. whole)
    end
  end)

  it("end by the limit of a box above: that one is named, and those below it run again", function()
    for _, asked in ipairs { "", "{ instructions = 1e9 }", "{ instructions = math.huge }" } do
      local box = helpers.opened { instructions = 5000 }
      raises(function()
        box:dostring(("inner = sandbox.new(%s) kept = 0 while true do pcall(inner.dostring, inner, 'while true do end') kept = 1 end")
          :format(asked))
      end, "instructions limit of 5000 instructions exceeded")
      assert.same({ "exhausted", "instructions" }, { box:status() })
      assert.equal(5000, box:usage().instructions)
      box:limits { instructions = 5000 }
      assert.equal(0, box:get("kept"))
      assert.equal(6, box:dostring("return inner:dostring('return 1 + 5')"))
    end
  end)

  it("are stopped by whichever allowance ends first, three boxes deep", function()
    local function deep(a, b, c)
      local box = helpers.opened { instructions = a }
      box:set("b", b) box:set("c", c)
      local ok, message = pcall(box.dostring, box, [[
        local middle = sandbox.new { instructions = b }
        middle:opensandbox()
        middle:set("c", c)
        local ok, message = pcall(middle.dostring, middle, "inner = sandbox.new { instructions = c } "
          .. "local ok, message = pcall(inner.dostring, inner, 'while true do end') return message, (inner:status())")
        return middle:status(), message]])
      return ok, message, box:usage().instructions
    end
    local ok, status = deep(1e6, 1e5, 1e4)
    assert.is_true(ok)
    assert.equal("ready", status)
    local used
    ok, status, used = deep(1e6, 1e4, 1e5)
    assert.is_true(ok)
    assert.equal("exhausted", status)
    assert.is_true(used > 1e4 and used < 1e4 + 200, "counted " .. used)
    local message
    ok, message, used = deep(1e4, 1e5, 1e6)
    assert.is_false(ok)
    assert.is_truthy(message:find("instructions limit of 10000 instructions exceeded", 1, true), message)
    assert.equal(1e4, used)
  end)

  it("are not to be had by making boxes", function()
    local box = helpers.opened { instructions = 20000 }
    raises(function()
      box:dostring("while true do local b = sandbox.new { instructions = 1e9 } b:limits { instructions = math.huge } "
        .. "b:dostring('for i = 1, 100 do end') b:close() end")
    end, "instructions limit of 20000 instructions exceeded")
    assert.equal(20000, box:usage().instructions)
  end)
end)
