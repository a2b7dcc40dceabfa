--- Finalizers that meet compiled code. On Debian's LuaJIT each of these chunks crashes or hangs the stock interpreter: in a box it costs
-- no more than the box. The other Luas have nothing of that kind, and run them through.

local helpers = require "spec.helpers"

-- A compiled `pairs` over strings, met by a finalizer with tables: LuaJIT issue 1000.
local ENDLESS = [[
  local function walk(t) local n = 0 for _, v in pairs(t) do n = n + #v end return n end
  local words = { a = "x", b = "yy", c = "zzz", d = "x", e = "y" }
  for _ = 1, 500 do walk(words) end
  local other, done = { a = {}, b = {}, c = {} }, false
  local function fin() done = walk(other) == 0 end
  if newproxy then getmetatable(newproxy(true)).__gc = fin else setmetatable({}, { __gc = fin }) end
  collectgarbage()
  return done
]]

-- Finalizers that raise wherever the collector takes its turn, compiled code included.
local RAISING = [[
  local function fin() finalized = (finalized or 0) + 1 error("in a finalizer") end
  local function work() local s = 0 for i = 1, 3000 do local t = { i, {} } s = s + #t end return s end
  local function litter()
    for _ = 1, 3 do
      if newproxy then getmetatable(newproxy(true)).__gc = fin else setmetatable({}, { __gc = fin }) end
    end
  end
  for _ = 1, 200 do pcall(litter) pcall(work) end
  return "through"
]]

describe("a finalizer, beside compiled code", function()
  after_each(helpers.tidy)

  it("that never ends on LuaJIT is ended by the limit", function()
    local box = helpers.box { cpu = 0.2 }
    local ok, result = pcall(box.dostring, box, ENDLESS)
    if helpers.is_jit and not ok then
      assert.matches("cpu limit of 0.2 s exceeded", result, 1, true)
      assert.same({ "killed", "cpu" }, { box:status() })
    else
      assert.is_true(ok, tostring(result))
      assert.is_true(result)
      assert.equal("ready", (box:status()))
    end
  end)

  it("that raises costs no more than its box", function()
    for _ = 1, 5 do
      local box = helpers.box()
      local ok, result = pcall(box.dostring, box, RAISING)
      local status, kind = box:status()
      if helpers.is_jit and status == "killed" then
        assert.equal("fault", kind)
        assert.is_false(ok)
      else
        assert.equal("ready", status)
        -- Nothing is caught between two calls of pcall: the chunk's own error, then.
        assert.matches(ok and "through" or "in a finalizer", result, 1, true)
        assert.is_true(box:get("finalized") > 0)
      end
    end
    assert.equal(42, helpers.box():dostring("return 42"))
  end)
end)
