-- The index of spec/attacks names every attack and no other, and says what the headers say.
local dir = "spec/attacks/"
local header = dofile(dir .. "header.lua")

local function files()
  local names = {}
  local pipe = assert(io.popen("ls " .. dir))
  for name in pipe:lines() do
    if name:find("^%d") then names[#names + 1] = name end
  end
  pipe:close()
  header.sort(names)
  return names
end

local function rows()
  local list = {}
  for line in io.lines(dir .. "README.md") do
    if line:find("^| %d+%-") then list[#list + 1] = line end
  end
  return list
end

describe("the index of attacks", function()
  it("names every file and no other, in order", function()
    local named = {}
    for i, row in ipairs(rows()) do named[i] = row:match("^| (%S+) |") end
    assert.same(files(), named)
  end)

  it("says of each what its header says", function()
    local expected = {}
    for i, name in ipairs(files()) do expected[i] = header.row(name, header.read(dir .. name)) end
    assert.same(expected, rows())
  end)

  it("has each number once", function()
    local seen = {}
    for _, name in ipairs(files()) do
      local number = name:match("^(%d+)%-[%l%d-]+%.lua$")
      assert.is_string(number, name .. " is not <number>-<what-it-does>.lua")
      assert.is_nil(seen[number], name .. " and " .. tostring(seen[number]) .. " share a number")
      seen[number] = name
    end
  end)
end)

describe("every attack", function()
  for _, name in ipairs(files()) do
    local read = header.read(dir .. name)

    it(name .. " can fail", function()
      local file = assert(io.open(dir .. name))
      local source = file:read("*a")
      file:close()
      -- what holds must say so; what must be stopped or raise fails by returning
      for _, version in ipairs(read.versions) do
        for _, outcome in ipairs(header.expected(read, version)) do
          if outcome == "held" then assert.truthy(source:find("HELD", 1, true), "never says HELD") end
          assert.not_equal("returned", outcome)
        end
      end
    end)
  end

  it("that is meant for this version compiles", function()
    local version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")
    local compiled = 0
    for _, name in ipairs(files()) do
      if header.runs_on(header.read(dir .. name), version) then
        assert(loadfile(dir .. name))
        compiled = compiled + 1
      end
    end
    assert.is_true(compiled >= 100, "only " .. compiled .. " are for this version")
  end)

  it("that has a check by the host exists", function()
    for name in pairs(dofile(dir .. "checks.lua")) do
      local file = io.open(dir .. name .. ".lua")
      assert.truthy(file, "checks.lua names " .. name)
      file:close()
    end
  end)
end)
