-- A callback runs code in the box that is running it: it works, limits are counted once, depth and stops survive.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- each way in, from inside
local box = sandbox.new { cpu = 5 }
local file = host.tmp("seen = (seen or 0) + 1 return 'file', ...")
local f = box:load("seen = (seen or 0) + 1 return 'load', ...")
box:set("again", function(n)
  local a, b = box:dostring("seen = (seen or 0) + 1 return 'string', ...", n)
  local c, d = box:dofile(file, n)
  local e, g = f(n)
  assert(a == "string" and c == "file" and e == "load" and b == n and d == n and g == n)
  box:set("left", n)
  host.equal(box:status(), "running", "status inside")
  return box:get("seen")
end)
local seen, left, own = box:dostring("local own = 'kept' local seen = again(7) return seen, left, own")
assert(seen == 3 and left == 7 and own == "kept")
host.equal(box:status(), "ready", "status after")

-- CPU time is counted once, not once per level
box = sandbox.new { cpu = 20 }
local burn = "local t = os.clock() while os.clock() - t < 0.2 do end"
box:set("again", function() box:dostring(burn) end)
local before = box:usage().cpu
box:dostring("again()")
local used = box:usage().cpu - before
assert(used > 0.15 and used < 0.35, "0.2 s burnt below counted as " .. used)

-- the limit reached by the inner run stops the outer one, too
box = sandbox.new { cpu = 0.2 }
local inner
local ran_on = false
box:set("after", function() ran_on = true end)
box:set("again", function() inner = { pcall(box.dostring, box, "while true do end") } end)
local message = host.within(10, function()
  return host.raises("cpu limit of 0%.2 s exceeded", function() box:dostring("pcall(again) after() while true do end") end)
end)
assert(message and inner[1] == false and tostring(inner[2]):find("cpu limit"), "the inner run was not stopped")
assert(not ran_on, "the outer run went on after the limit")
host.stopped(box, "cpu")

-- after an inner run that ends well, the outer one is still stopped
box = sandbox.new { cpu = 0.2 }
box:set("again", function() return box:dostring("return 1") end)
host.within(10, function()
  host.raises("cpu limit", function() box:dostring("again() while true do end") end)
end)

-- the error of the inner run is the outer one's to catch
box = sandbox.new()
box:set("again", function() box:dostring("error('inner', 0)") end)
local ok, what = box:dostring("return pcall(again)")
assert(ok == false and what == "inner")

host.done()
