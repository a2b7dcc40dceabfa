--- Manual, section 3: instructions that finalizers run count as others do, where the runtime lets them be counted.

local helpers = require "spec.helpers"

local raises = helpers.raises
-- More than any case here runs.
local MANY = 1e12

local no_finalizer_count = helpers.is_jit and "LuaJIT does not count what finalizers run"

describe("instructions in finalizers", function()
  after_each(helpers.tidy)

  local FINALIZE = [[local function finalize(f)
    if newproxy then getmetatable(newproxy(true)).__gc = f else setmetatable({}, { __gc = f }) end
  end ]]

  helpers.it_unless(no_finalizer_count, "are counted", function()
    local function count(n)
      local box = helpers.box { instructions = MANY }
      box:dostring(FINALIZE .. ("finalize(function() for i = 1, %d do end end) collectgarbage()"):format(n))
      return box:usage().instructions
    end
    assert.equal(count(100) + 9900, count(10000))
  end)

  helpers.it_unless(no_finalizer_count, "end the allowance: the box stops right after, at the same place each time", function()
    local first
    for _ = 1, 50 do
      local box = helpers.box { instructions = 5000 }
      local message = raises(function()
        box:dostring(FINALIZE .. [[finalize(function() for i = 1, 20000 do end done = true end)
          collectgarbage()
          after = true]])
      end, "instructions limit of 5000 instructions exceeded")
      assert.same({ "exhausted", "instructions" }, { box:status() })
      assert.equal(5000, box:usage().instructions)
      box:limits { instructions = 5000 }
      assert.is_true(box:get("done"))
      assert.is_nil(box:get("after"))
      first = first or message
      assert.equal(first, message)
      box:close()
    end
  end)

  helpers.it_unless(no_finalizer_count, "can't be outrun by many of them", function()
    local box = helpers.box { instructions = 50000 }
    raises(function()
      box:dostring(FINALIZE .. "while true do finalize(function() for i = 1, 100 do end end) end")
    end, "instructions limit of 50000 instructions exceeded")
    assert.same({ "exhausted", "instructions" }, { box:status() })
  end)

  helpers.it_unless(no_finalizer_count, "without end kill the box, whatever else is unlimited", function()
    for _, work in ipairs { "while true do end", "while true do local t = {} end", "while true do note() end",
      "while true do coroutine.wrap(function() end)() end" } do
      local box, notes = helpers.box { instructions = 5000, cpu = math.huge, wall = 60 }, 0
      box:set("note", function() notes = notes + 1 end)
      local before = os.clock()
      raises(function()
        box:dostring(FINALIZE .. ("finalize(function() %s end) collectgarbage() collectgarbage()"):format(work))
      end, "instructions limit of 5000 instructions exceeded")
      -- What a coroutine runs there can be stopped softly, and on Lua 5.1 and 5.2 the heap stays sound.
      local status, kind = box:status()
      assert.equal("instructions", kind, work)
      assert.is_true(status == "killed" or work:find("coroutine", 1, true) ~= nil, work)
      assert.is_true(os.clock() - before < 2, work)
      assert.is_true(notes < 5000, notes .. " calls of the host")
    end
  end)

  it("are under the cpu limit at the latest", function()
    local box = helpers.box { instructions = 5000, cpu = 0.1 }
    raises(function()
      box:dostring(FINALIZE .. "finalize(function() while true do end end) collectgarbage() collectgarbage()")
    end, helpers.is_jit and "cpu limit of 0.1 s exceeded" or "instructions limit of 5000 instructions exceeded")
    assert.equal("killed", (box:status()))
  end)
end)
