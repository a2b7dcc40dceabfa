--- Manual, section 3: one row per limit. What each takes, what it refuses and how it says so, wherever limits are given.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, MiB = helpers.raises, helpers.MiB

-- `floor`: what is said of values below the range; `zero`: whether 0 is in it; `whole`: whether fractions are refused.
-- `values` are taken and shown as they are; `spend` is code that goes past `small`.
local TABLE = {
  { name = "memory", default = 64 * MiB, floor = "0 or more expected", zero = true, values = { MiB, 48 * MiB },
    small = MiB, spend = "local s = ('x'):rep(2^22)", message = "not enough memory" },
  { name = "cpu", default = 10, floor = "more than 0 expected", values = { 0.25, 3, 1e9 },
    small = 0.02, spend = "while true do end", message = "cpu limit of 0.02 s exceeded" },
  { name = "wall", default = math.huge, floor = "more than 0 expected", values = { 0.25, 3, 1e9 },
    small = 0.02, spend = "while true do end", message = "wall limit of 0.02 s exceeded" },
  { name = "instructions", default = math.huge, floor = "1 or more expected", whole = true, values = { 1e5, 2 ^ 53, 1e15 },
    small = 100, spend = "while true do end", message = "instructions limit of 100 instructions exceeded" },
  { name = "output", default = math.huge, floor = "0 or more expected", zero = true, values = { 10, 2 ^ 40 },
    small = 5, spend = "print('123456')", message = "output limit of 5 bytes exceeded" },
  { name = "depth", default = 9, floor = "0 or more expected", zero = true, whole = true, values = { 1, 5 },
    small = 0, spend = "sandbox.new()", message = "depth limit of 0 levels exceeded" },
  -- A table under this name is a grant.
  { name = "files", default = 16, floor = "0 or more expected", zero = true, whole = true, values = { 1, 100 }, takes = "table" },
}

-- Each way to give options; the last gets a box that is there already. No tail calls: those hide the function's name.
local PLACES = {
  { "sandbox.new", function(options) local box = sandbox.new(options) return box end, "bad argument #1 to 'new' " },
  { "sandbox.run", function(options) local one = sandbox.run("return 1", options) return one end, "" },
  { "box:limits", function(options, box) local all = box:limits(options) return all end, "bad argument #1 to 'limits' " },
}

--- Asserts that the options are refused everywhere with this text, and that a box which refuses them stays as it is.
local function refused(options, text)
  local box = helpers.box { cpu = 3, memory = 2 * MiB }
  local before = box:limits()
  for _, place in ipairs(PLACES) do raises(function() place[2](options, box) end, place[3], text) end
  assert.same(before, box:limits())
  assert.equal(2, box:dostring("return 1 + 1"))
end

for _, limit in ipairs(TABLE) do
  local name = limit.name

  describe("the option " .. name, function()
    after_each(helpers.tidy)

    it("has its default, and is reported", function()
      assert.equal(limit.default, helpers.box():limits()[name])
      assert.equal(limit.default, helpers.box({}):limits()[name])
    end)

    it("is taken and shown as it was given", function()
      for _, value in ipairs(limit.values) do
        assert.equal(value, helpers.box({ [name] = value }):limits()[name])
        local box = helpers.box()
        assert.equal(value, box:limits({ [name] = value })[name])
        assert.equal(value, box:limits()[name])
        assert.equal(1, (sandbox.run("return 1", { [name] = value })))
      end
    end)

    it("is lifted by math.huge", function()
      local most = name == "depth" and 9 or math.huge
      assert.equal(most, helpers.box({ [name] = math.huge }):limits()[name])
      local box = helpers.box { [name] = limit.values[1] }
      assert.equal(most, box:limits({ [name] = math.huge })[name])
      assert.equal(2, box:dostring("return 1 + 1"))
    end)

    it("refuses nan and what is below its range, by its name", function()
      refused({ [name] = 0 / 0 }, ("option '%s': a number is expected, not nan"):format(name))
      refused({ [name] = -(0 / 0) }, ("option '%s': a number is expected, not nan"):format(name))
      for _, value in ipairs { -1, -1e-9, -2 ^ 63, -math.huge } do
        refused({ [name] = value }, ("option '%s': %s, got -"):format(name, limit.floor))
      end
    end)

    it((limit.zero and "takes" or "refuses") .. " 0", function()
      if limit.zero then
        assert.equal(0, helpers.box():limits({ [name] = 0 })[name])
      else
        refused({ [name] = 0 }, ("option '%s': %s, got 0"):format(name, limit.floor))
        refused({ [name] = -0.0 }, ("option '%s': %s, got "):format(name, limit.floor))
      end
    end)

    it((limit.whole and "refuses" or "takes") .. " fractions", function()
      local value = limit.values[1] + 0.5
      if limit.whole then
        refused({ [name] = value }, ("option '%s': a whole number expected, got %s"):format(name, value))
      else
        assert.is_true(helpers.box():limits({ [name] = value })[name] >= limit.values[1])
      end
    end)

    it("refuses other types, by its name and theirs", function()
      local values = { string = "100", table = {}, boolean = true, ["function"] = print, thread = coroutine.create(function() end),
        userdata = io.stdout }
      local wanted = "number expected, got "
      if limit.takes then
        values[limit.takes] = nil
        wanted = "expected, got "
      end
      for kind, value in pairs(values) do refused({ [name] = value }, wanted .. kind .. ")") end
      refused({ [name] = false }, wanted .. "boolean")
      refused({ [name] = "" }, wanted .. "string")
      refused({ [name] = "" }, ("option '%s': "):format(name))
    end)

    it("refuses its name misspelt", function()
      for _, other in ipairs { name:upper(), name .. " ", " " .. name, name .. "s", name:sub(1, -2), name .. "\0" } do
        -- As in stock Lua, a message ends where C says that it does.
        refused({ [other] = limit.values[1] }, "unknown option '" .. other:gsub("%z", ""))
      end
    end)

    if limit.spend then it("says what was exceeded, and holds from when it is given", function()
      local function spent(box)
        box:opensandbox()
        box:limits { [name] = limit.small }
        raises(function() box:dostring(limit.spend) end, limit.message)
      end
      spent(helpers.box())
      local box = helpers.box { [name] = limit.values[1] }
      spent(box)
      if box:status() == "exhausted" then
        assert.same({ "exhausted", name }, { box:status() })
        box:limits { [name] = math.huge }
        assert.equal(2, box:dostring("return 1 + 1"))
      end
    end) end
  end)
end

describe("options of limits", function()
  after_each(helpers.tidy)

  it("are all that box:limits gives, and what it gives can be given back", function()
    local known = { per = true }
    for _, limit in ipairs(TABLE) do known[limit.name] = true end
    local box = helpers.box { cpu = 3, instructions = 1000, per = "call" }
    local limits, names = box:limits(), 0
    for name in pairs(limits) do
      assert.is_true(known[name], name)
      names = names + 1
    end
    assert.equal(#TABLE + 1, names)
    assert.same(limits, box:limits(limits))
  end)

  it("refuse any per but life and call", function()
    refused({ per = "week" }, "option 'per': 'life' or 'call' expected, got 'week'")
    refused({ per = "" }, "option 'per': 'life' or 'call' expected, got ''")
    refused({ per = 1 }, "'per'")
    refused({ per = true }, "option 'per': string expected, got boolean")
    refused({ per = {} }, "option 'per': string expected, got table")
  end)

  it("refuse names that are none, and numbers as names", function()
    refused({ memroy = 1 }, "unknown option 'memroy'")
    refused({ [""] = 1 }, "unknown option ''")
    refused({ 5 }, "unknown option '1'")
    refused({ [{}] = 5 }, "names of options are strings")
  end)

  it("refuse what is no table", function()
    local box = helpers.box()
    raises(function() box:limits(5) end, "bad argument #1 to 'limits' (table expected, got number)")
    raises(function() sandbox.new("cpu") end, "bad argument #1 to 'new' (table expected, got string)")
    raises(function() sandbox.run("return 1", true) end, "(table expected, got boolean)")
  end)

  it("set nothing if one of them is refused", function()
    for _, limit in ipairs(TABLE) do
      local options = { per = "call" }
      for _, other in ipairs(TABLE) do options[other.name] = other.values[1] end
      options[limit.name] = -1
      refused(options, ("option '%s'"):format(limit.name))
    end
  end)
end)
