-- Limits, streams and environment are changed by a callback while the box runs: each takes effect at once, or is an error.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- a smaller limit stops the run that is under way
local box = sandbox.new { cpu = 100 }
box:set("change", function() box:limits { cpu = 0.1 } end)
host.within(10, function() host.raises("cpu limit of 0%.1 s", function() box:dostring("change() while true do end") end) end)
host.stopped(box, "cpu")

-- a larger one lets it go on
box = sandbox.new { cpu = 0.5, memory = 4 * 2 ^ 20 }
box:set("change", function() box:limits { cpu = 5, memory = 32 * 2 ^ 20 } end)
host.equal(box:dostring("change() return #('x'):rep(2^23)"), 2 ^ 23, "with more memory")
host.equal(box:limits().cpu, 5, "the new limit")

-- less memory than is in use: Lua's own error at the next allocation, then alive
box = sandbox.new { memory = 32 * 2 ^ 20 }
box:set("change", function() box:limits { memory = 4 * 2 ^ 20 } end)
-- even the way home may find no room for its results
local done, ok, message = pcall(box.dostring, box, "local s = ('x'):rep(2^23) change() return pcall(string.rep, 'x', 2^22)")
if not done then ok, message = false, ok end
assert(ok == false and tostring(message):find("not enough memory"), tostring(message))
host.equal(box:dostring("collectgarbage() return 1"), 1, "the box")

-- wall and output
box = sandbox.new { cpu = 20 }
box:set("change", function() box:limits { wall = 0.2 } end)
host.within(10, function()
  local stopped, why = pcall(box.dostring, box, "change() local t = os.clock() while os.clock() - t < 3 do end")
  -- wall is for each call: the one under way may have begun without one
  assert(stopped or tostring(why):find("wall limit"), tostring(why))
end)
box = sandbox.new { cpu = 20 }
local written = 0
box:stdout(sandbox.newstream(nil, function(s) written = written + #s end))
box:set("change", function() box:limits { output = 10 } end)
host.raises("output limit", function() box:dostring("change() for _ = 1, 100 do io.write('xxxx') io.stdout:flush() end") end)
assert(written <= 10, "bytes written: " .. written)

-- streams
box = sandbox.new()
local first, second = {}, {}
box:stdout(sandbox.newstream(nil, function(s) first[#first + 1] = s end))
box:set("change", function() box:stdout(sandbox.newstream(nil, function(s) second[#second + 1] = s end)) end)
box:dostring("io.write('one') io.stdout:flush() change() io.write('two') io.stdout:flush()")
collectgarbage()
host.equal(table.concat(first) .. "|" .. table.concat(second), "one|two", "what went where")
box:set("change", function() box:stdout(nil) end)
box:dostring("change() io.write('nowhere') io.stdout:flush()")
host.equal(table.concat(second), "two", "after stdout(nil)")
box:stdin(sandbox.newstream(function() return "old\n" end))
box:set("change", function() box:stdin(sandbox.newstream(function() return "new\n" end)) end)
local a, b = box:dostring("local a = io.read() change() collectgarbage() return a, io.read()")
assert(a == "old" and b == "new", tostring(b))

-- environment, globals, the library itself, one in the middle of an iterator over lines
box:env({ X = "1" })
box:set("change", function() box:env({ X = "2" }) end)
a, b = box:dostring("local a = os.getenv('X') change() return a, os.getenv('X')")
assert(a == "1" and b == "2")
box:set("change", function() box:set("g", "set") box:opensandbox() end)
a, b = box:dostring("change() return g, sandbox.run('return 5')")
assert(a == "set" and b == 5)
local lines = 0
box:stdin(sandbox.newstream(function() lines = lines + 1 return lines < 10 and "line\n" or nil end))
box:set("change", function() box:stdin(nil) collectgarbage() end)
host.equal(box:dostring("local n = 0 for _ in io.lines() do n = n + 1 change() end return n") <= 9, true, "lines")

host.done()
