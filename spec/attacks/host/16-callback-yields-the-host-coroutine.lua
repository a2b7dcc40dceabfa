-- A callback yields the host's coroutine across the box: the box waits, and goes on with what the coroutine is resumed with. Where
-- a C function of the host stands between, it is an ordinary error.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function waits(call)
  local box = sandbox.new { cpu = 5 }
  box:set("stop", function(...) return coroutine.yield(...) end)
  local co = coroutine.create(function() return call(box) end)
  local ok, first, second = coroutine.resume(co)
  assert(ok and first == 1 and second == 2, tostring(first))
  host.equal(coroutine.status(co), "suspended", "the coroutine")
  host.equal(box:status(), "running", "the box")
  host.equal(select(2, coroutine.resume(co, "answer")), "answer", "what the box gave")
  host.equal(coroutine.status(co), "dead", "the coroutine")
  host.raises("dead coroutine", function() assert(coroutine.resume(co, "again")) end)
  host.equal(box:status(), "ready", "the box")
  host.equal(box:dostring("return 1"), 1, "the box afterwards")
end

waits(function(box) return box:dostring("return stop(1, 2)") end)
waits(function(box) return box:dofile(host.tmp("return (stop(1, 2))")) end)
waits(function(box) return box:load("return stop(1, 2)")() end)
waits(function(box) return box:dostring("return coroutine.wrap(function() return stop(1, 2) end)()") end)
waits(function(box) return box:dostring("return select(2, pcall(stop, 1, 2))") end)
waits(function(box)
  box:set("raw", coroutine.yield)
  return box:dostring("return raw(1, 2)")
end)
waits(function(box) return sandbox.run("return (...)(1, 2)", nil, box:load("return stop(...)")) end)
waits(function(box)
  box:opensandbox()
  return box:dostring [[
    local below = sandbox.new()
    below:set("stop", stop)
    return below:dostring("return stop(1, 2)")
  ]]
end)

-- a C function of the host's in between
local box = sandbox.new()
box:set("stop", function() coroutine.yield() end)
local ok, message, after = coroutine.wrap(function()
  local ok, message, after
  table.sort({ 1, 2 }, function()
    if not after then ok, message, after = box:dostring("local ok, message = pcall(stop) return ok, message, 'after'") end
    return false
  end)
  return ok, message, after
end)()
assert(ok == false and tostring(message):find("yield") and after == "after", tostring(message))

-- from the main program too, where there is nothing to yield
ok, message = pcall(box.dostring, box, "stop()")
assert(not ok and tostring(message):find("yield"), tostring(message))

-- a yield of the box's own coroutines is its own affair
host.equal(box:dostring("local co = coroutine.wrap(function() coroutine.yield(3) end) return co()"), 3, "own yield")

-- a coroutine inside the callback, which ends there, is the host's own affair
box:set("gen", function()
  local sum = 0
  for v in coroutine.wrap(function() for i = 1, 4 do coroutine.yield(i) end end) do sum = sum + v end
  return sum
end)
host.equal(coroutine.wrap(function() return box:dostring("return gen()") end)(), 10, "a generator in a callback")

-- yields from streams and from the environment
box:stdin(sandbox.newstream(function() coroutine.yield() end))
local line = coroutine.wrap(function() return (box:dostring("return (io.read('*l'))")) end)()
host.equal(line, nil, "a line from a reader that yields")
box:env(function() coroutine.yield() end)
local value = coroutine.wrap(function() return box:dostring("local ok, v = pcall(os.getenv, 'X') return ok and v") end)()
assert(not value, "a yielding environment gave a value")

host.done()
