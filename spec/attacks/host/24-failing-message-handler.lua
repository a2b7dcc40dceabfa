-- The host's message handler raises, or re-enters the box: an error, no loop.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 5 }

local calls = 0
local ok = xpcall(function() box:dostring("error('x')") end, function()
  calls = calls + 1
  if calls > 1000 then os.exit(9) end
  error("in the handler")
end)
assert(ok == false and calls >= 1 and calls < 1000, "handler calls: " .. calls)

-- the handler uses the same box, and another
local inside
local _, got = xpcall(function() box:dostring("x = 5 error('x')") end, function(message)
  inside = pcall(box.dostring, box, "x = x + 1")
  host.another()
  return tostring(message) .. ", handled, " .. tostring(box:status())
end)
assert(inside == true and got:find("x, handled, ready"), tostring(got))
host.equal(box:get("x"), 6, "what the handler did")

-- the handler closes the box
_, got = xpcall(function() box:dostring("error('x')") end, function() box:close() return box:status() end)
host.equal(got, "closed", "closed by the handler")

-- a function of the box as the handler
box = sandbox.new { cpu = 5 }
box:dostring("function handler(m) return 'handled ' .. tostring(m) end")
_, got = xpcall(function() error("it", 0) end, box:get("handler"))
host.equal(got, "handled it", "a handler in the box")
box:dostring("function handler(m) error(m) end")
assert(not xpcall(function() error("it", 0) end, box:get("handler")))
box:dostring("function handler(m) while true do end end")
box:limits { cpu = 0.2 }
host.within(10, function() assert(not xpcall(function() error("it", 0) end, box:get("handler"))) end)
host.stopped(box, "cpu")

-- a handler inside the box that is the host's function and raises, loops back or closes
box = sandbox.new { cpu = 5 }
calls = 0
box:set("handler", function()
  calls = calls + 1
  if calls > 1000 then os.exit(9) end
  error("again", 0)
end)
local inner = box:dostring("return (xpcall(function() error('x') end, handler))")
assert(inner == false and calls < 1000, "handler calls: " .. calls)
box:set("handler", function() return box:dostring("return (xpcall(function() error('x') end, function() return 'deep' end))") end)
inner = box:dostring("return (xpcall(function() error('x') end, handler))")
assert(inner == false)
box:set("handler", function() box:close() end)
host.raises("sandbox is closed", function() box:dostring("xpcall(function() error('x') end, handler) while true do end") end)

host.done()
