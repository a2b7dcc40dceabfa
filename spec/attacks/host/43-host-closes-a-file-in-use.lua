-- A host file is closed before or while the box uses it: an ordinary error in the box, no freed FILE* touched.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local name = host.tmp("one\ntwo\nthree\n")

local function fails(box, code)
  local ok, a, b = pcall(box.dostring, box, code)
  local message = ok and b or a
  assert(not (ok and a), "it worked on a closed file: " .. code)
  assert(type(message) == "string", code .. ": " .. type(message))
  host.equal(box:status(), "ready", "the box")
end

-- closed before
for _, code in ipairs { "return io.read()", "return io.stdin:read('*a')", "return io.read(0)" } do
  local f = io.open(name)
  local box = sandbox.new()
  box:stdin(f)
  f:close()
  fails(box, code)
end
for _, code in ipairs { "local ok, why = io.write('x') if ok then ok, why = io.stdout:flush() end return ok, why",
  "local ok, why = io.stdout:write('x') if ok then ok, why = io.stdout:flush() end return ok, why" } do
  local f = io.open(name, "a")
  local box = sandbox.new()
  box:stdout(f)
  f:close()
  fails(box, code)
end

-- closed while in use: between two reads, in a loop over lines, with text of it in the buffer
local f = io.open(name)
local box = sandbox.new()
box:stdin(f)
box:set("close", function() f:close() end)
fails(box, "assert(io.read() == 'one') close() return io.read()")
f = io.open(name)
box:stdin(f)
local ok, message = pcall(box.dostring, box, "for line in io.lines() do close() end")
assert(not ok and type(message) == "string", tostring(message))
f = io.open(name, "a")
box:stdout(f)
fails(box, "io.write('buffered') close() local ok, why = io.write('x') if ok then ok, why = io.stdout:flush() end return ok, why")
assert(host.read(name):find("buffered$"), "text that the box had written is lost")

-- lost instead of closed: the box keeps it open, the collector does not take it away
f = io.open(name)
box:stdin(f)
f = nil
for _ = 1, 4 do collectgarbage() end
host.equal(box:dostring("return io.read()"), "one", "a file that the host has lost")
for _ = 1, 4 do collectgarbage() end
assert(f == nil and box:dostring("return io.read()") == "two")

-- a handle that is closed already is refused
f = io.open(name)
f:close()
for _, method in ipairs { "stdin", "stdout", "stderr" } do
  local done, why = pcall(box[method], box, f)
  assert(done or type(why) == "string")
  if done then pcall(box.dostring, box, "io.read() io.write('x') io.stderr:write('x')") end
end

-- opened and closed again and again while a box reads: a new file at the same address is not read
local secret = host.tmp("secret\n")
for _ = 1, 50 do
  local first = io.open(name)
  box:stdin(first)
  first:close()
  local other = io.open(secret)
  local done, line = pcall(box.dostring, box, "return (io.read())")
  assert(not done or line == nil, "the box read " .. tostring(line))
  other:close()
end

host.done()
