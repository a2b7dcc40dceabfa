-- The stdout function runs code in the same box or prints through it: an error at some depth, no endless recursion.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- the writer prints by the box's own print: the stream is in use
local function recursive(make)
  local box = sandbox.new { cpu = 5, wall = 10 }
  local calls = 0
  local out
  out = sandbox.newstream(nil, function(s)
    calls = calls + 1
    if calls > 2000 then os.exit(9) end
    make(box, s)
  end)
  out:setvbuf("no")
  box:stdout(out)
  host.within(20, pcall, box.dostring, box, "for i = 1, 3 do pcall(print, i) pcall(io.stdout.flush, io.stdout) end")
  assert(calls >= 1, "the writer never ran")
  assert(calls < 2000, "calls: " .. calls)
  local status, kind = box:status()
  assert(status == "ready" or kind == "stack", status)
end

recursive(function(box) box:dostring("print('x') io.stdout:flush()") end)
recursive(function(box) box:get("print")("x") end)
recursive(function(box) box:dostring("io.write('x')") error("after") end)
recursive(function(box) pcall(box.dostring, box, "io.stderr:write('x')") end)
recursive(function(box) box:stdout():write("straight to itself") end)
recursive(function(box) box:stdout():flush() end)
recursive(function(box) box:stdout():close() end)

-- writers that write to one another's boxes
local a, b = sandbox.new { cpu = 5 }, sandbox.new { cpu = 5 }
local calls = 0
local function into(box)
  local out = sandbox.newstream(nil, function(s)
    calls = calls + 1
    if calls > 5000 then os.exit(9) end
    box:dostring("io.write(...) io.stdout:flush()", s)
  end)
  out:setvbuf("no")
  return out
end
a:stdout(into(b))
b:stdout(into(a))
host.within(20, pcall, a.dostring, a, "io.write('to and fro') io.stdout:flush()")
assert(calls >= 1 and calls < 5000, "calls: " .. calls)

-- a writer that uses its box in ways that do not write works
local box = sandbox.new()
local seen = {}
local out = sandbox.newstream(nil, function(s) seen[#seen + 1] = box:dostring("n = (n or 0) + 1 return n .. ...", s) end)
box:stdout(out)
box:dostring("for i = 1, 3 do io.write('<' .. i .. '>') io.stdout:flush() end")
out:flush()
local all = table.concat(seen)
host.equal((all:gsub("%d(<%d>)", "%1")), "<1><2><3>", "what the writer made of it")
assert(box:get("n") >= 1)

host.done()
