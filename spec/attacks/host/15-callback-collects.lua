-- A callback collects the host's garbage while arguments and results of a crossing are under way: values stay alive.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 20 }
local function collect()
  collectgarbage()
  collectgarbage()
end

box:set("cb", function(t, s, f)
  collect()
  local x = f(function()
    collect()
    return ("in"):rep(100)
  end)
  collect()
  return { s .. "!", { t[1] .. "!", x } }, function()
    collect()
    return t[1] .. s
  end, ("y"):rep(1000)
end)

for i = 1, 20 do
  local t, f, s, inner = box:dostring([[
    local n = ...
    local t, f, s = cb({("a"):rep(50) .. n}, ("b"):rep(50) .. n, function(g)
      collectgarbage()
      local x = g()
      collectgarbage()
      return x .. n
    end)
    collectgarbage()
    return t, f, s, f()
  ]], i)
  collect()
  local a, b = ("a"):rep(50) .. i, ("b"):rep(50) .. i
  assert(t[1] == b .. "!" and t[2][1] == a .. "!" and t[2][2] == ("in"):rep(100) .. i)
  assert(f() == a .. b and s == ("y"):rep(1000) and inner == a .. b)
end

-- a collector that runs at every step of the host
collectgarbage("setpause", 1)
collectgarbage("setstepmul", 100000)
for i = 1, 50 do
  local big = {}
  for j = 1, 50 do big[j] = { ("k" .. j):rep(3), { tostring(i) } } end
  local back = box:dostring("local t = ... local x = cb({t[1][1]}, t[2][1], function(g) return g() end) return t, x", big)
  assert(back[50][1] == ("k50"):rep(3) and back[50][2][1] == tostring(i))
end
collectgarbage("setpause", 200)
collectgarbage("setstepmul", 200)

-- host finalizers that use boxes in the middle of a crossing
local finalized = 0
local newproxy = rawget(_G, "newproxy")
local function guard()
  local function f()
    local n = finalized + 1
    host.equal(sandbox.run("return ...", nil, n), n, "a box used by a finalizer")
    finalized = n
  end
  if newproxy then
    getmetatable(newproxy(true)).__gc = f
  else
    setmetatable({}, { __gc = f })
  end
end
box:set("cb", function(...)
  guard()
  collect()
  return ...
end)
for i = 1, 20 do
  local t = box:dostring("return cb({n = ...})", i)
  host.equal(t.n, i, "value")
end
collect()
assert(finalized >= 19, "finalizers ran: " .. finalized)

host.done()
