-- A box is used on another OS thread than the one that made it, and after a fork: limits are those of the thread that runs it.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local threads, posix = host.module("host_threads"), host.module("host_posix")

-- made here, used there, and back; for several stack sizes
local box = sandbox.new { cpu = 20 }
box:set("cb", function(n) return n + 1 end)
for _, kilobytes in ipairs { 0, 256, 512 } do
  host.equal(threads.call(kilobytes, function() return box:dostring("n = (n or 0) + 1 return cb(n)") end), box:get("n") + 1, "there")
  host.equal(box:dostring("return cb(1)"), 2, "here")
end

-- the CPU time that this thread has used is not charged to a run on another, nor the other way round
local t = os.clock()
while os.clock() - t < 0.3 do end
local limited = sandbox.new { cpu = 0.2 }
assert(threads.call(0, function() return limited:dostring("return 1") end) == 1, "charged with the wrong thread's time")
assert(limited:usage().cpu < 0.1, "usage " .. limited:usage().cpu)
threads.call(0, function()
  local began = os.clock()
  while os.clock() - began < 0.3 do end
end)
host.equal(limited:dostring("return 2"), 2, "charged with the wrong thread's time")

-- stops hold there, soft and hard
for _, code in ipairs { "while true do end", "local s = ('a'):rep(30) return s:find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')" } do
  limited = sandbox.new { cpu = 0.1 }
  threads.call(256, function()
    host.within(10, host.raises, "cpu limit", function() limited:dostring(code) end)
  end)
  host.stopped(limited, "cpu")
  limited:close()
end

-- from one thread into another in the middle of a run: it works, or is an error
box:set("elsewhere", function() return threads.call(256, function() return box:dostring("return 'inside'") end) end)
local ok, inside = pcall(box.dostring, box, "return elsewhere()")
assert((ok and inside == "inside") or (not ok and type(inside) == "string"), tostring(inside))
host.equal(box:dostring("return cb(1)"), 2, "here")
limited = sandbox.new { cpu = 0.2 }
limited:set("elsewhere", function()
  return threads.call(0, function() return pcall(limited.dostring, limited, "while true do end") end)
end)
host.within(10, function() host.raises("cpu limit", function() limited:dostring("elsewhere() while true do end") end) end)

-- closed and collected on another thread
for _ = 1, 20 do
  local short = sandbox.new()
  short:dostring("x = {}")
  threads.call(0, function() short:close() end)
  short = nil
  threads.call(256, function() collectgarbage() collectgarbage() end)
  assert(short == nil)
end

-- after a fork the child has no watchdog of its parent's: it must have its own
local function works()
  host.another()
  local stopped = sandbox.new { cpu = 0.1 }
  host.within(10, host.raises, "cpu limit", function() stopped:dostring("while true do end") end)
  local hard = sandbox.new { cpu = 0.1 }
  host.within(10, host.raises, "cpu limit", function()
    hard:dostring("local s = ('a'):rep(30) return s:find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')")
  end)
  local deep = sandbox.new { cpu = 5 }
  assert(not pcall(deep.dostring, deep, "local function f() return (('x'):gsub('x', f)) end return f()"))
  host.equal(box:dostring("return cb(3)"), 4, "a box made before the fork")
  local waiting = sandbox.new { wall = 0.1, cpu = 30 }
  host.within(10, host.raises, "wall limit", function() waiting:dostring("while true do end") end)
  return true
end
works()
local function forked(f)
  local how, code = posix.fork(f)
  host.equal(how .. " " .. code, "exit 0", "the forked child")
end
for _ = 1, 3 do
  forked(works)
  works()
end

-- a fork in the middle of a run, in a callback
box:set("fork", function() forked(works) return "parent" end)
host.equal(box:dostring("return fork()"), "parent", "a fork in a callback")
box:set("leave", function()
  local how, code = posix.fork(function()
    host.equal(box:dostring("return cb(5)"), 6, "re-entry in the forked child")
    box:close()
    return true
  end)
  return how .. " " .. code
end)
host.equal(box:dostring("return leave()"), "exit 0", "a fork that closes its copy of the box")
host.equal(box:dostring("return cb(1)"), 2, "the parent's box")

-- and a fork of a fork
forked(function()
  local how, code = posix.fork(works)
  return how == "exit" and code == 0
end)

host.done()
