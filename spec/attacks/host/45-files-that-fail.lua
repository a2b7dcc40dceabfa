-- One file as stdin and stdout, in two boxes, /dev/full, a closed pipe, a read-only file: error values, never SIGPIPE.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local posix = host.module("host_posix")

local written = "local ok, why, errno = io.write(('x'):rep(100000)) "
  .. "if ok then ok, why, errno = io.stdout:flush() end return ok, why, errno"
local function fails(f, pattern)
  local box = sandbox.new { cpu = 5 }
  box:stdout(f)
  local ok, why, errno = box:dostring(written)
  assert(not ok and type(why) == "string" and type(errno) == "number", tostring(why))
  assert(why:find(pattern), why)
  host.equal(box:status(), "ready", "the box")
  host.equal(box:dostring("return 1"), 1, "the box")
end

local full = io.open("/dev/full", "w")
fails(full, "No space left")
pcall(full.close, full)

local name = host.tmp("read only\n")
local read_only = io.open(name, "r")
fails(read_only, "[Bb]ad file descriptor")
read_only:close()

-- a pipe whose reader is gone: what the box writes must not kill the process
local pipe = io.popen("true", "w")
posix.sleep(0.2)
fails(pipe, "[Bb]roken pipe")
local before = posix.handlers()
local box = sandbox.new()
box:stdout(pipe)
for _ = 1, 5 do box:dostring(written) end
host.equal(posix.handlers(), before, "signal handlers")
-- closing the box must not flush into the pipe with SIGPIPE at work, either
box:dostring("io.write('left')")
box:close()
-- what the host itself flushes afterwards is its own affair
posix.ignore("PIPE")
pcall(pipe.close, pipe)
posix.usual("PIPE")

-- write-only for stdin, a directory, a file removed meanwhile
local write_only = io.open(name, "a")
box = sandbox.new()
box:stdin(write_only)
local line, why = box:dostring("return io.read()")
assert(line == nil and type(why) == "string", tostring(why))
write_only:close()
local directory = io.open("/tmp")
if directory then
  box:stdin(directory)
  line, why = box:dostring("return io.read('*l')")
  assert(line == nil and type(why) == "string", tostring(why))
  directory:close()
end

-- the same file as stdin and stdout, and as stream of two boxes
local both = io.open(name, "w+")
local other = sandbox.new()
box:stdin(both)
box:stdout(both)
box:stderr(both)
other:stdin(both)
other:stdout(both)
box:dostring("io.write('one\\n') io.stderr:write('two\\n')")
other:dostring("io.write('three\\n') io.stdout:flush()")
both:seek("set", 0)
host.equal(box:dostring("return io.read()"), "one", "line for the first box")
host.equal(other:dostring("return io.read()"), "two", "line for the second")
host.equal(both:read("*l"), "three", "line for the host")
both:close()
pcall(box.dostring, box, "io.write('x') io.read()")
pcall(other.dostring, other, "io.write('x') io.read()")

-- a pair of newstreams as one, in both directions in any order
local kept = {}
local stream = sandbox.newstream(function() return "r" end, function(s) kept[#kept + 1] = s end)
box:stdin(stream)
box:stdout(stream)
for _ = 1, 20 do
  host.equal(box:dostring("io.write('w') io.stdout:flush() return io.read(1)"), "r", "reading after writing")
end
box:dostring("io.stdout:flush()")
host.equal(#table.concat(kept), 20, "bytes written")

host.done()
