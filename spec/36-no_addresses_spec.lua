--- Manual, section 4: code in a box sees no addresses of the process. What tostring shows is an identity: the same
-- for the same value, another for another, and nothing that points into a mapping.

local helpers = require "spec.helpers"

-- Shows values of every kind in every way there is; one text per line.
local SHOW = [[
  local shown = {}
  local function see(...)
    for i = 1, select("#", ...) do shown[#shown + 1] = tostring((select(i, ...))) end
  end
  local function f() end
  local co = coroutine.create(f)
  local named = setmetatable({}, { __name = "my type" })
  local values = { {}, f, co, print, string.format, coroutine.wrap(f), io.stdin, io.stdout, string, _G, named,
    ("x"):gmatch("x"), load or loadstring, newproxy and newproxy() or {}, package.loaded, getmetatable("") }
  for _, value in ipairs(values) do
    see(value)
    -- Lua 5.1 takes no object here.
    see(select(2, pcall(string.format, "%s", value)))
    see(select(2, pcall(string.format, "%p", value)))
    see(select(2, pcall(string.format, "%20p", value)))
    see(select(2, pcall(string.format, "%q", value)))
    see(select(2, pcall(error, value)))
    see(select(2, pcall(error, tostring(value))))
    see(select(2, pcall(function() return value + 1 end)))
    see(select(2, pcall(function() return value .. "" end)))
    see(select(2, pcall(function() return value < 1 end)))
    see(select(2, pcall(function() return #value, value.x.y end)))
    see(select(2, pcall(string.rep, value)))
    see(select(2, pcall(ipairs, value)))
    see(select(2, pcall(setmetatable, value, value)))
    see(select(2, pcall(require, value)))
    see(debug.traceback(value))
  end
  see(select(2, pcall(string.format, "%p", "a string")))
  see(select(2, pcall(string.format, "%p", ("a long string "):rep(10))))
  see(select(2, pcall(string.format, "%p %p", 1, nil)))
  see(debug.traceback("here"), debug.traceback(co))
  if sandbox then see(sandbox, sandbox.new(), sandbox.new) end
  return table.concat(shown, "\n")]]

-- The ranges of addresses in use. What is only reserved is too large: an identity may fall into it by chance.
local function ranges()
  local list = {}
  for _, line in ipairs(helpers.mappings()) do
    local low, high, rights = line:match("^(%x+)%-(%x+) (%S+)")
    if rights ~= "---p" then list[#list + 1] = { tonumber(low, 16), tonumber(high, 16) } end
  end
  return list
end

local function mapped(number, list)
  for _, range in ipairs(list) do
    if number >= range[1] and number < range[2] then return true end
  end
  return false
end

-- Asserts that what `show` gives, which is of a new box each time, has no address in it. An identity may be one by chance: in a process
-- that has mapped much, once in some hundred runs. What shows an address does so in each box.
local function assert_none(show)
  local found
  for _ = 1, 3 do
    found = nil
    local text, list = show(), ranges()
    for digits in text:gmatch("%x%x%x%x+") do
      if mapped(tonumber(digits, 16), list) then found = digits .. " is an address, in:\n" .. text end
    end
    if not found then return text end
  end
  error(found, 2)
end

describe("addresses", function()
  after_each(helpers.tidy)

  it("of the stock interpreter are seen by this test", function()
    -- What the cases below look for is there to be found.
    local number = tonumber(tostring({}):match("0x(%x+)"), 16)
    assert.is_true(mapped(number, ranges()))
  end)

  it("of the process show nowhere in a box", function()
    local text = assert_none(function()
      local box = helpers.box()
      box:opensandbox()
      return box:dostring(SHOW)
    end)
    assert.is_true(text:find("%x%x%x%x") ~= nil or text:find("table: ", 1, true) ~= nil)
  end)

  it("show nowhere in what print and io.write give, nor in error messages that reach the host", function()
    assert_none(function()
      local box = helpers.box()
      local text = helpers.captured(box)
      box:dostring("print({}, print, coroutine.create(function() end), io.stdin) io.write(tostring({}))")
      local _, message = pcall(box.dostring, box, "error(tostring({}) .. tostring(print))")
      return text() .. message .. tostring(box:traceback())
    end)
  end)

  it("give way to identities in the stock form", function()
    local box = helpers.box()
    for code, form in pairs { ["{}"] = "^table: ", ["print"] = "^function: ", ["coroutine.create(function() end)"] = "^thread: ",
      ["function() end"] = "^function: ", ["io.stdin"] = "^file %(" } do
      local shown = box:dostring("return tostring(" .. code .. ")")
      assert.is_truthy(shown:find(form), shown)
    end
  end)

  it("give way to identities that stay and differ", function()
    assert.is_true(helpers.box():dostring([[
      local t = {}
      local before = tostring(t)
      local seen = { [before] = t }
      for i = 1, 2000 do
        local u = {}
        local name = tostring(u)
        assert(not seen[name], "two values show the same")
        seen[name] = u
      end
      collectgarbage()
      for name, value in pairs(seen) do assert(tostring(value) == name) end
      local ok, shown = pcall(string.format, "%s", t)
      assert(tostring(t) == before and (shown == before or not ok and _VERSION == "Lua 5.1"))
      assert(tostring(print) == tostring(print) and tostring(print) ~= tostring(pairs))
      return true]]))
  end)

  it("don't show by comparing boxes", function()
    assert_none(function()
      local shown = {}
      for i = 1, 5 do shown[i] = helpers.box():dostring("return tostring({})") end
      return table.concat(shown, "\n")
    end)
  end)

  it("of the host's values don't show through proxies and errors", function()
    assert_none(function()
      local box = helpers.box()
      box:set("f", function() error(setmetatable({}, { __tostring = function() return "ours" end })) end)
      return box:dostring("return tostring(f) .. ' ' .. tostring(select(2, pcall(f)))")
    end)
  end)
end)
