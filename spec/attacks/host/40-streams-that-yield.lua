-- Stream functions that yield the host's coroutine: an ordinary failure of the read or write, nothing half done.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function inside(f)
  local co = coroutine.create(f)
  local ok, message = coroutine.resume(co)
  assert(ok, tostring(message))
  host.equal(coroutine.status(co), "dead", "the coroutine")
end

-- outside a coroutine, and in one
for _, run in ipairs { function(f) f() end, inside } do
  run(function()
    local box = sandbox.new { cpu = 5 }
    local reads, writes, cleaned = 0, 0, 0
    box:stdin(sandbox.newstream(function()
      reads = reads + 1
      coroutine.yield("from the reader")
    end))
    local line, message = box:dostring("return io.read('*l')")
    assert(line == nil and type(message) == "string", tostring(message))
    assert(reads >= 1)
    host.equal(box:status(), "ready", "after a read")

    local out = sandbox.newstream(nil, function()
      writes = writes + 1
      coroutine.yield("from the writer")
    end, function()
      cleaned = cleaned + 1
      coroutine.yield("from the cleaner")
    end)
    box:stdout(out)
    local ok, why = box:dostring("io.write('text') return io.stdout:flush()")
    assert(not ok and type(why) == "string", tostring(why))
    assert(writes >= 1)
    box:stdout(nil)
    pcall(out.close, out)
    host.equal(io.type(out), "closed file", "the stream")
    host.equal(cleaned, 1, "cleaners that ran")
    host.equal(box:dostring("return 1"), 1, "the box")
  end)
end

-- a stream whose coroutines are its own affair works
local source = coroutine.wrap(function()
  for i = 1, 3 do coroutine.yield("line " .. i .. "\n") end
end)
local box = sandbox.new()
local ended = false
box:stdin(sandbox.newstream(function()
  if ended then return nil end
  local line = source()
  ended = line == nil
  return line
end))
host.equal(box:dostring("local n = 0 for line in io.lines() do n = n + #line end return n"), 18, "bytes of a generator")

-- a coroutine of the box around the read is its own, too
box:stdin(sandbox.newstream(function() return "again\n" end))
host.equal(box:dostring("return coroutine.wrap(function() local l = io.read() coroutine.yield(l) end)()"), "again", "in a coroutine")

host.done()
