-- The host catches a limit error and runs the box again: an error at once, until box:limits gives a new allowance.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 0.2 }
box:dostring("kept = 'kept'")
host.raises("cpu limit", function() box:dostring("while true do end") end)
local status = host.stopped(box, "cpu")
for _ = 1, 20 do
  host.within(2, function()
    host.raises(status == "exhausted" and "cpu limit" or "killed", function() box:dostring("while true do end") end)
  end)
end
host.stopped(box, "cpu")
assert(box:usage().cpu < 2, "it ran on without an allowance: " .. box:usage().cpu .. " s")

if status == "exhausted" then
  box:limits { cpu = 0.2 }
  host.equal(box:status(), "ready", "after a new allowance")
  host.equal(box:dostring("return kept"), "kept", "a global")
  host.raises("cpu limit", function() box:dostring("while true do end") end)
  host.stopped(box, "cpu")
else
  -- a killed box stays killed, whatever it is given
  pcall(box.limits, box, { cpu = 1 })
  host.equal(box:status(), "killed", "after a new allowance")
  host.raises("killed", function() box:dostring("return 1") end)
end

-- a kept function and a coroutine are no way around it
box = sandbox.new { cpu = 0.2 }
local f = box:load("while true do end")
box:dostring("co = coroutine.wrap(function() while true do end end)")
host.raises("cpu limit", f)
for _ = 1, 5 do
  host.within(2, function()
    host.raises(".", f)
    host.raises(".", function() box:dostring("co()") end)
  end)
end

-- wall counts the real time of one call
box = sandbox.new { wall = 0.2, cpu = 20 }
host.raises("wall limit of 0%.2 s", function() box:dostring("while true do end") end)
host.stopped(box, "wall")

-- memory is Lua's own error; the box lives with it
box = sandbox.new { memory = 2 ^ 20 }
for _ = 1, 5 do host.raises("not enough memory", function() box:dostring("local t = {} while true do t[#t + 1] = {} end") end) end
host.equal(box:status(), "ready", "after running out of memory")
host.equal(box:dostring("return 'lives'"), "lives", "after running out of memory")

-- output spent stays spent
box = sandbox.new { output = 10, cpu = 5 }
box:stdout(sandbox.newstream(nil, function() end))
host.raises("output limit", function() box:dostring("io.write(('x'):rep(11)) io.stdout:flush() while true do io.write('x') end") end)
host.raises(".", function() box:dostring("while true do io.write('x') end") end)
host.stopped(box, "output")

host.done()
