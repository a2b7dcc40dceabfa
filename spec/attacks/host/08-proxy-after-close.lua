-- A function of the box, used after its box was closed, is an error in every use and harmless as a key.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function used_up(f)
  host.raises("closed", f)
  host.raises("closed", f, 1, {}, "x")
  host.raises("closed", coroutine.wrap(function() f() end))
  host.raises(".", function() return f.x end)
  host.raises(".", function() f.x = 1 end)
  host.raises(".", function() return #f end)
  host.raises(".", function() return f .. "x" end)
  host.raises(".", function() return f < f end)
  host.raises(".", function() for _ in pairs(f) do break end end)
  assert(type(tostring(f)) == "string")
  assert(f == f and f ~= print)
  local t = { [f] = 1 }
  assert(t[f] == 1 and next(t) == f)
  host.raises(".", function() ("abc"):gsub("%w", f) end)
  host.raises(".", function() table.sort({ 3, 2, 1 }, f) end)
end

local box = sandbox.new()
local loaded = box:load("return 1")
box:dostring("function global() return 2 end")
local global = box:get("global")
local returned, inside = box:dostring("return function() return 3 end, {f = {function() return 4 end}}")
assert(loaded() == 1 and global() == 2 and returned() == 3 and inside.f[1]() == 4)
local copy = box:dostring("return {1, {2}, s = 'kept'}")
box:close()

for _, f in ipairs { loaded, global, returned, inside.f[1] } do used_up(f) end
-- what was copied is the host's own
assert(copy[2][1] == 2 and copy.s == "kept")

-- given to another box it is an error there
local other = sandbox.new()
other:set("f", global)
local ok, message = other:dostring("return pcall(f)")
assert(ok == false and tostring(message):find("closed"), tostring(message))

-- closed and collected
do
  local gone = sandbox.new()
  local f = gone:load("return 1")
  gone:close()
  gone = nil
  collectgarbage()
  collectgarbage()
  used_up(f)
end

-- as the error handler of the host
local _, handled = xpcall(function() error("x", 0) end, loaded)
assert(handled ~= 1)

host.done()
