-- Handles in weak tables, ephemerons to their own values, resurrected by a host finalizer: usable, or they report closed.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function settle()
  for _ = 1, 4 do collectgarbage() end
end

-- weak keys and values let the box go, and its values with it
local keys, values = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "v" })
local function fill()
  for i = 1, 20 do
    local box = sandbox.new()
    box:dostring("t = {1, 2, 3}")
    keys[box] = i
    values[i] = box
  end
end
fill()
settle()
host.equal(next(keys), nil, "weak keys")
host.equal(next(values), nil, "weak values")

-- while a reference is left they stay and work
local held = sandbox.new()
keys[held], values.held = "here", held
settle()
assert(keys[held] == "here" and values.held == held)
host.equal(values.held:dostring("return 1"), 1, "a box in a weak table")

-- ephemerons: the value is a function of the box that is its key
local function cycle()
  for _ = 1, 20 do
    local box = sandbox.new { memory = 2 ^ 22 }
    keys[box] = { box:load("return 1"), box:dostring("return function() return 2 end") }
  end
end
cycle()
settle()
for box, functions in pairs(keys) do
  if box ~= held then
    -- versions without ephemerons keep them: then they work
    local ok, n = pcall(functions[1])
    assert((ok and n == 1) or tostring(n):find("closed"), tostring(n))
  end
end

-- functions of a box as weak keys and values
local function proxies()
  local box = sandbox.new()
  keys[box:load("return 1")] = true
  values.f = box:load("return 1")
end
proxies()
settle()
local f = values.f
if f then
  local ok, n = pcall(f)
  assert((ok and n == 1) or tostring(n):find("closed"), tostring(n))
end

-- a finalizer of the host brings a handle back to life: it is usable, or says that it is closed
local back = {}
local newproxy = rawget(_G, "newproxy")
local function resurrecting(order)
  local holder = {}
  if order == 1 then holder.box = sandbox.new() end
  local function finalizer()
    back[#back + 1] = holder.box
    pcall(holder.box.dostring, holder.box, "x = 1")
  end
  if newproxy then
    holder.guard = newproxy(true)
    getmetatable(holder.guard).__gc = finalizer
  else
    holder.guard = setmetatable({}, { __gc = finalizer })
  end
  if order == 2 then holder.box = sandbox.new() end
  if order == 3 then
    holder.box = sandbox.new()
    holder.box:set("cb", function() return holder end)
    holder.f = holder.box:load("return 1")
  end
end
for order = 1, 3 do
  for _ = 1, 10 do resurrecting(order) end
end
settle()
assert(#back >= 20, "finalizers that ran: " .. #back)
for _, box in ipairs(back) do
  local ok, what = pcall(box.dostring, box, "return 5")
  if ok then
    host.equal(what, 5, "a resurrected box")
  else
    assert(tostring(what):find("sandbox is closed"), tostring(what))
    host.equal(box:status(), "closed", "a resurrected box")
  end
  box:close()
end
back = nil
settle()
assert(back == nil)

-- the collector in generational mode, where there is one
if host.version == "5.4" then
  collectgarbage("generational")
  for i = 1, 300 do
    local box = sandbox.new()
    keys[box], values[i] = i, box
    host.equal(box:dostring("return ...", { i })[1], i, "in generational mode")
  end
  collectgarbage("incremental")
  settle()
end
host.equal(held:dostring("return 1"), 1, "the held box")

host.done()
