-- The host keeps an iterator, a buffer or a stream of the box and uses it after close: data so far, or an error.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- an iterator of the box, the box closed in the middle
local box = sandbox.new()
local lines = box:dostring("local i = 0 return function() i = i + 1 return i <= 5 and 'line ' .. i or nil end")
local seen = {}
local ok, message = pcall(function()
  for line in lines do
    seen[#seen + 1] = line
    if #seen == 3 then box:close() end
  end
end)
assert(not ok and tostring(message):find("closed"), tostring(message))
host.equal(table.concat(seen, ","), "line 1,line 2,line 3", "what was captured")

-- output captured by a writer is the host's; what was still in a buffer comes out on close of the handle
local parts = {}
local out = sandbox.newstream(nil, function(s) parts[#parts + 1] = s end)
box = sandbox.new()
box:stdout(out)
box:dostring("io.write('written, ') io.stdout:flush() io.write('left in the buffer')")
box:close()
host.equal(io.type(out), "file", "the handle")
out:flush()
host.equal(table.concat(parts), "written, left in the buffer", "what was captured")
out:write(", by the host")
out:close()
host.equal(table.concat(parts), "written, left in the buffer, by the host", "what was captured")

-- the handle that box:stdout gives back is the host's own
box = sandbox.new()
local f = io.tmpfile()
host.equal(box:stdout(f), f, "what stdout returns")
host.equal(box:stdout(), f, "the current handle")
box:dostring("io.write('text')")
box:close()
f:seek("set", 0)
host.equal(f:read("*a"), "text", "the file")
f:close()

-- lines of a stream whose reader is a function of a closed box
box = sandbox.new()
local n = 0
box:set("next_line", function() n = n + 1 return n end)
local reader = sandbox.newstream(box:load("return 'line ' .. next_line() .. '\\n'"))
host.equal(reader:read("*l"), "line 1", "a line by the box")
box:close()
local line, why
for _ = 1, 100 do
  line, why = reader:read("*l")
  if not line then break end
end
assert(line == nil and type(why) == "string", "a closed box went on giving lines")
reader:close()

-- and a writer of a closed box
box = sandbox.new()
local writer = sandbox.newstream(nil, box:load("x = ..."))
writer:setvbuf("no")
assert(writer:write("x"))
writer:flush()
box:close()
local done, wrong = writer:write("y")
if done then done, wrong = writer:flush() end
-- LuaJIT: what an unbuffered write came to may be known after the flush that had nothing left to do
if done and host.version == "jit" then done, wrong = writer:write("z") end
if done and host.version == "jit" then done, wrong = writer:close() end
assert(not done and type(wrong) == "string", "writing into a closed box worked")
pcall(writer.close, writer)

-- usage and limits of a closed box are errors, tables taken before stay
box = sandbox.new()
local usage = box:usage()
box:close()
assert(type(usage.memory) == "number" and usage.memory > 0)
host.raises("sandbox is closed", function() box:usage() end)

host.done()
