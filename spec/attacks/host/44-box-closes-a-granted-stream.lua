-- The box closes, seeks, re-buffers or collects a stream it was given: the host's file stays open.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local name = host.tmp("")

for _, code in ipairs {
  "io.stdout:close()", "io.close(io.stdout)", "io.close()", "io.stdout = nil collectgarbage() collectgarbage()",
  "local mt = getmetatable(io.stdout) if type(mt) == 'table' and mt.__gc then pcall(mt.__gc, io.stdout) end",
  "local mt = getmetatable(io.stdout) if type(mt) == 'table' and mt.__close then pcall(mt.__close, io.stdout) end",
  "io.output():close() pcall(io.write, 'x')", "io = nil collectgarbage()", "for _ = 1, 3 do pcall(io.stdout.close, io.stdout) end",
} do
  local f = io.open(name, "w")
  local box = sandbox.new()
  box:stdout(f)
  pcall(box.dostring, box, "io.write('by the box ')")
  pcall(box.dostring, box, code)
  host.equal(io.type(f), "file", code)
  assert(f:write("by the host"))
  box:close()
  host.equal(io.type(f), "file", code .. ", then close")
  assert(f:flush())
  f:close()
  host.equal(host.read(name), "by the box by the host", code)
end

-- closed for the box alone: another box, and a new assignment, still have it
local f = io.open(name, "w")
local box, other = sandbox.new(), sandbox.new()
box:stdout(f)
other:stdout(f)
box:dostring("io.stdout:close()")
local ok = pcall(box.dostring, box, "assert(io.write('x'))")
assert(not ok, "a stream closed by the box still works there")
other:dostring("io.write('other ')")
box:stdout(f)
box:dostring("io.write('again')")
f:close()
host.equal(host.read(name), "other again", "what was written")

-- seeking and buffering are shared with the host, exactly
f = io.open(name, "w+")
box:stdout(f)
box:stdin(f)
box:dostring("io.write('0123456789') io.stdout:flush()")
host.equal(box:dostring("return io.stdin:seek('set', 4)"), 4, "seek inside")
host.equal(f:seek(), 4, "position outside")
host.equal(f:read(2), "45", "read outside")
host.equal(box:dostring("return io.read(2)"), "67", "read inside")
box:dostring("io.stdout:setvbuf('no')")
box:dostring("io.stdout:seek('end') io.stdout:setvbuf('full', 4096) io.write('end')")
f:seek("set", 0)
host.equal(f:read("*a"), "0123456789end", "the file")
for _, code in ipairs { "io.stdin:seek('set', -1)", "io.stdin:seek('set', 2^40)", "io.stdin:setvbuf('full', 2^40)", "io.stdin:setvbuf('full', -1)",
  "io.stdin:seek('nowhere')", "io.stdin:setvbuf('odd')" } do
  pcall(box.dostring, box, code)
  host.equal(io.type(f), "file", code)
end
box:close()
f:seek("set", 0)
host.equal(f:read(3), "012", "the file after all that")
f:close()

-- the collector of the box does not close it either
f = io.open(name, "w")
box = sandbox.new()
box:stdout(f)
box:dostring("for _ = 1, 20 do io.stdout:write('x') collectgarbage() end")
box = nil
for _ = 1, 4 do collectgarbage() end
host.equal(io.type(f), "file", "after the box was collected")
f:close()
assert(box == nil and host.read(name) == ("x"):rep(20))

host.done()
