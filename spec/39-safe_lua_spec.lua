--- Manual, section 4: docs/safe-lua.md has every name of each Lua and says whether a box has it. Checked against the stock interpreter
-- that runs this suite and against a box of its kind, so that it can't go stale. (Whose each function is, src/guest/names.rs checks.)

local helpers = require "spec.helpers"

-- Gives each name that a state has as a line of name, tab, and its value where that is a number or a string.
local WALK = [==[
local lines, seen = {}, {}
local function add(name, value)
  if seen[name] then return end
  seen[name] = true
  local plain = type(value) == "number" or type(value) == "string"
  lines[#lines + 1] = name .. "\t" .. (plain and ("%q"):format(tostring(value)) or type(value))
end
local function fields(prefix, t)
  for key, value in pairs(t) do add(prefix .. tostring(key), value) end
end
local libraries = {}
for name, value in pairs(_G) do
  -- A box's result and this chunk's own names are none of the state's.
  add(name, value)
  if type(value) == "table" and name ~= "_G" and name ~= "arg" then libraries[name] = value end
end
for name, value in pairs(package.loaded) do
  if name ~= "_G" and not libraries[name] then
    add(('require "%s"'):format(name), value)
    if type(value) == "table" then libraries[name] = value end
  end
end
for name in pairs(package.preload) do add(('require "%s"'):format(name)) end
for name, library in pairs(libraries) do fields(name .. ".", library) end
for key, value in pairs(getmetatable("")) do add("metatable of strings " .. key, value) end
local meta = getmetatable(io.stdout)
-- Up to Lua 5.3 the methods lie in the metatable itself.
for _, t in ipairs { meta, type(meta.__index) == "table" and meta.__index or nil } do
  for key, value in pairs(t) do add((key:find "^__" and "metatable of files " or "file:") .. key, value) end
end
return table.concat(lines, "\n")
]==]

local COLUMNS = { ["5.1"] = 1, ["5.2"] = 2, ["5.3"] = 3, ["5.4"] = 4, jit = 5 }

-- What a walk found, by name.
local function parse_walk(text)
  local found, count = {}, 0
  for name, value in text:gmatch "([^\t\n]+)\t([^\n]*)" do
    found[name] = value
    count = count + 1
  end
  assert(count > 100, "only " .. count .. " names")
  return found
end

-- The rows of the table, by name: the cell of each Lua, and the reason.
local function parse_table(text)
  local rows, twice = {}, {}
  for line in text:gmatch "[^\n]+" do
    if line:find "^| `" then
      local cells = {}
      for cell in line:gmatch "|%s*([^|]-)%s*%f[|]" do cells[#cells + 1] = cell end
      for name in cells[1]:gmatch "`([^`]+)`" do
        if rows[name] then twice[#twice + 1] = name end
        rows[name] = { cells[2], cells[3], cells[4], cells[5], cells[6], why = cells[7] or "" }
      end
    end
  end
  return rows, twice
end

-- All that is wrong with the table.
local function mistakes(text, stock, box, column)
  local rows, twice = parse_table(text)
  local wrong = {}
  local function complain(name, what) wrong[#wrong + 1] = name .. ": " .. what end
  for _, name in ipairs(twice) do complain(name, "two rows") end
  for name in pairs(stock) do
    if not rows[name] then complain(name, "stock Lua has it, the table has no row") end
  end
  for name in pairs(box) do
    if not rows[name] then complain(name, "a box has it, the table has no row") end
  end
  for name, row in pairs(rows) do
    local claim = row[column]
    local here, inside = stock[name] ~= nil, box[name] ~= nil
    if claim == "yes" or claim == "changed" then
      if not here then complain(name, "the table says " .. claim .. ", stock Lua lacks it") end
      if not inside then complain(name, "the table says " .. claim .. ", a box lacks it") end
      local plain = here and (stock[name]:find '^"' or "") ~= ""
      if inside and plain and (stock[name] == box[name]) ~= (claim == "yes") then
        complain(name, ("the table says %s, stock has %s and a box %s"):format(claim, stock[name], box[name]))
      end
    elseif claim == "no" then
      if not here then complain(name, "the table says no, stock Lua lacks it: -") end
      if inside then complain(name, "the table says no, a box has it") end
    elseif claim == "added" then
      if here then complain(name, "the table says added, stock Lua has it") end
      if not inside then complain(name, "the table says added, a box lacks it") end
    elseif claim == "-" then
      if here then complain(name, "the table says that this Lua lacks it") end
      if inside then complain(name, "the table says -, a box has it") end
    else
      complain(name, "the table says " .. tostring(claim))
    end
    local named = 0
    for i = 1, 5 do
      if row[i] ~= "-" then named = named + 1 end
      if (row[i] == "no" or row[i] == "changed" or row[i] == "added") and row.why == "" then complain(name, "no reason") end
    end
    if named == 0 then complain(name, "no Lua has it") end
  end
  table.sort(wrong)
  return wrong
end

describe("docs/safe-lua.md", function()
  local text, stock, box, column

  setup(function()
    text = helpers.content "docs/safe-lua.md"
    column = COLUMNS[helpers.lua]
    local walk = helpers.file(WALK)
    -- Run as a script is, which has `arg`.
    local script = helpers.file(("io.write(dofile(%q))"):format(walk))
    local pipe = assert(io.popen(("%s %s"):format(helpers.interpreter, script)))
    stock = parse_walk(pipe:read("*a"))
    pipe:close()
    box = parse_walk(helpers.box():dofile(walk))
    helpers.tidy()
  end)

  it("has a true row for every name of this Lua and of a box", function()
    local wrong = mistakes(text, stock, box, column)
    assert(#wrong == 0, table.concat(wrong, "\n"))
  end)

  it("would be found out if a row were missing, or said something else", function()
    local function caught(changed, name)
      assert.is_not.equal(text, changed)
      for _, mistake in ipairs(mistakes(changed, stock, box, column)) do
        if mistake:sub(1, #name + 2) == name .. ": " then return true end
      end
      return false
    end
    local function with(name, claim)
      return (text:gsub("(| `" .. name:gsub("%p", "%%%0") .. "` )(|[^\n]*)", function(cell, rest)
        local n = 0
        return cell .. rest:gsub("|[^|]*", function() n = n + 1 return n == column and "| " .. claim .. " " or nil end)
      end, 1))
    end
    assert.is_true(caught(text:gsub("\n| `os%.execute` [^\n]*", "", 1), "os.execute"))
    assert.is_true(caught(with("os.execute", "yes"), "os.execute"))
    assert.is_true(caught(with("os.execute", "-"), "os.execute"))
    assert.is_true(caught(with("print", "no"), "print"))
    assert.is_true(caught(with("print", "perhaps"), "print"))
    assert.is_true(caught(with("package.path", "yes"), "package.path"))
    assert.is_true(caught(with("io.getenv", "yes"), "io.getenv"))
  end)
end)

describe("warn in a box", function()
  after_each(helpers.tidy)

  helpers.it_unless(helpers.version < 54 and "warn came with Lua 5.4", "writes to the box's stderr once it is turned on", function()
    local box = helpers.box()
    local written = helpers.captured(box, "stderr")
    box:dostring [[warn("off") warn("@on") warn("a", "b") warn("@", "x") warn("@odd") warn(1.5) warn("@off") warn("off")]]
    assert.equal("Lua warning: ab\nLua warning: @x\nLua warning: 1.5\n", written())
    helpers.assert_as_stock { "return pcall(warn)", "return pcall(warn, {})", "return pcall(warn, 'a', {})", "return warn('x')" }
  end)
end)

describe("in a box as in stock Lua:", function()
  after_each(helpers.tidy)

  it("the globals table, the version, environments, the metatable of strings", function()
    helpers.assert_as_stock {
      [[return _VERSION, _G._G == _G, type(_G), getmetatable(_G)]],
      [[x = 1 local y = _G.x _G.z = 2 return y, z, rawget(_G, "x")]],
      [[local old = _ENV return old == _G, old ~= nil]],
      [[return setfenv ~= nil and setfenv(function() return a end, { a = 5 })()]],
      [[return getfenv ~= nil and (getfenv(1) == _G)]],
      [[return load ~= nil and (select(2, pcall(load, "return a", "=x", "t", { a = 5 })) or error)()]],
      [[local m = getmetatable("") return type(m), m.__index == string, m.__metatable, ("x"):rep(3), ("x").y]],
      [[getmetatable("").__index = function(s, k) return s .. k end local r = ("a").b getmetatable("").__index = string return r]],
      [[local m = getmetatable("") return pcall(function() return m.__add and "10" + 5 end)]],
      [[return select("#", ...), ...]],
      [[return type(io.stdout), io.type(io.stdout), getmetatable(io.stdout).__index ~= nil]],
      [[return type(package.loaded), package.loaded._G == _G, package.loaded.string == string, package.config]],
      [[return type(package.preload), type(package.searchers), type(package.loaders), #(package.searchers or package.loaders) >= 2]],
    }
  end)
end)
