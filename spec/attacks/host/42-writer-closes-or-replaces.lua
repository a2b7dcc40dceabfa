-- The stdout function closes its stream, replaces it, or closes the box: ordinary errors, later writes fail or go on.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function writing(writer, code)
  local box = sandbox.new { cpu = 5 }
  local stream
  stream = sandbox.newstream(nil, function(s) return writer(box, stream, s) end)
  stream:setvbuf("no")
  box:stdout(stream)
  return box, stream, pcall(box.dostring, box, code or "io.write('one') io.stdout:flush() io.write('two') io.stdout:flush() return 'end'")
end

-- closes the stream it writes to, plainly and through pcall
local box, stream, ok, message = writing(function(_, s) s:close() end)
assert((ok and message == "end") or type(message) == "string", tostring(message))
collectgarbage()
host.equal(box:dostring("return 1"), 1, "the box")
pcall(stream.close, stream)
host.equal(io.type(stream), "closed file", "the stream")
ok, message = box:dostring("local ok, message = io.write('later') if ok then ok, message = io.stdout:flush() end return ok, message")
assert(not ok and type(message) == "string", "writing to a closed stream worked")

-- replaces it by another, by nothing, and drops the old one in the middle of its own call
local second = {}
box, stream, ok, message = writing(function(b)
  b:stdout(sandbox.newstream(nil, function(s) second[#second + 1] = s end))
  collectgarbage()
end)
assert(ok, tostring(message))
stream = nil -- luacheck: ignore
collectgarbage()
collectgarbage()
box:dostring("io.write('three') io.stdout:flush()")
assert(table.concat(second):find("three$"), table.concat(second))
box, stream, ok, message = writing(function(b) b:stdout(nil) end)
assert(ok, tostring(message))
host.equal(box:stdout(), nil, "after stdout(nil)")
assert(io.type(stream) == "file", "the host's handle was closed")

-- closes the box
box, stream, ok, message = writing(function(b) b:close() end, "pcall(io.write, 'x') pcall(io.stdout.flush, io.stdout) while true do end")
assert(not ok and tostring(message):find("sandbox is closed"), tostring(message))
host.equal(box:status(), "closed", "status")
host.equal(io.type(stream), "file", "the host's handle after the box was closed")
stream:close()

-- the reader does the same
for name, f in pairs {
  closes = function(_, s) s:close() return "text\n" end,
  replaces = function(b) b:stdin(nil) collectgarbage() return "text\n" end,
  collects = function() collectgarbage() collectgarbage() return "text\n" end,
} do
  local reader
  box = sandbox.new()
  reader = sandbox.newstream(function() return f(box, reader) end)
  box:stdin(reader)
  local done, line = pcall(box.dostring, box, "local a = io.read() local b = io.read() return a")
  assert((done and (line == nil or line == "text")) or type(line) == "string", name .. ": " .. tostring(line))
  host.equal(box:dostring("return 1"), 1, name)
end

-- the cleaner uses the box, closes it, and runs once
local cleaned = 0
box = sandbox.new()
local used = box
stream = sandbox.newstream(nil, function() end, function()
  cleaned = cleaned + 1
  used:dostring("cleaned = true")
  used:close()
end)
box:stdout(stream)
pcall(box.dostring, box, "io.write('x')")
stream:close()
pcall(stream.close, stream)
host.equal(cleaned, 1, "cleaners that ran")
host.equal(box:status(), "closed", "status")

host.done()
