--- docs/api.lua has a place for all that the library gives to Lua: each function and method, each option and limit, each figure of
-- `usage`; and none for what there isn't.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

-- The names that this pattern captures.
local function names_in(text, pattern)
  local found = {}
  for name in text:gmatch(pattern) do found[name] = true end
  return found
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

describe("docs/api.lua", function()
  local text = helpers.content "docs/api.lua"
  after_each(helpers.tidy)

  it("has the module's functions and fields, and no others", function()
    local functions, fields = {}, {}
    for name, value in pairs(sandbox) do
      (type(value) == "function" and functions or fields)[name] = true
    end
    assert.is_true(functions.new)
    assert.same(sorted(functions), sorted(names_in(text, "\n%-%- @function ([%w_]+)\n")))
    assert.same(sorted(fields), sorted(names_in(text, "\n%-%- @field ([%w_]+)")))
  end)

  it("has a box's methods, and no others", function()
    local methods = {}
    for name, value in pairs(debug.getmetatable(helpers.box()).__index) do
      if type(value) == "function" then methods[name] = true end
    end
    assert.is_true(methods.dostring)
    assert.same(sorted(methods), sorted(names_in(text, "\n%-%- @function box:([%w_]+)\n")))
  end)

  it("has every limit that is in force, and no option that a box refuses", function()
    local options = {}
    for line in text:match("\n%-%- @table options\n(.-)\n\n"):gmatch "[^\n]+" do
      local name = line:match "^%-%- @tfield%S* %S+ ([%w_]+)"
      if name then options[name] = true end
    end
    for name in pairs(helpers.box({ wall = 1, instructions = 1e6, output = 1e6 }):limits()) do
      assert(options[name], name .. " is in force and has no place")
    end
    local values = { files = {}, modules = {}, per = "call" }
    for name in pairs(options) do
      assert.has_no.errors(function() helpers.box({ [name] = values[name] or 1e6 }) end)
    end
    assert.is_true(options.memory and options.modules)
  end)

  it("has every figure of usage", function()
    local box = helpers.box()
    box:dostring "os.exit(1)"
    local usage = text:match "\n%-%- @function box:usage\n(.-)\n\n"
    for name in pairs(box:usage()) do
      assert(usage:find("`" .. name .. "`", 1, true), name .. " has no place")
    end
  end)
end)
