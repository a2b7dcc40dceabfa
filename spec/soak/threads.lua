-- A host of eight OS threads, each with its own Lua state and boxes whose limits fire: `lua spec/soak/threads.lua [rounds] [seed]`. No stop
-- hits the wrong thread: each thread's limits differ from those of all others, and so do their messages; and boxes without a limit
-- that are at work beside them are never stopped.
local soak = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local threads = require "host_threads"

local THREADS = 8
local rounds = soak.size(400)

-- One thread's part. Returns how many stops it has seen, or raises.
local CODE = [==[
local own, rounds, seed = %d, %d, %d
local sandbox = require "sandbox"
local HARD = "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')"
local SOFT = { "while true do end", "while true do pcall(error) end", "coroutine.wrap(function() while true do end end)()",
  "while true do nothing() end", "while true do io.write('') end", "while true do local t = { {} } end" }
local WORK = "local s = 0 for i = 1, ... do s = s + i %% 7 if i %% 997 == 0 then nothing() end end return s"
local stops = 0

-- Lehmer's generator, so that a run can be had again.
local state = seed * 7919 + own + 1
local function random(n)
  state = state * 48271 %% 2147483647
  return math.floor(state / 2147483647 * n) + 1
end

-- Twenty microseconds more for each thread: the message says whose limit it was.
local function limit(least) return tonumber(("%%.5f"):format(least + own * 0.00002)) end

local function stopped(box, kind, value, code)
  local ok, message = pcall(box.dostring, box, code)
  local wanted = ("%%s limit of %%s s exceeded"):format(kind, tostring(value))
  if ok or type(message) ~= "string" or not message:find(wanted, 1, true) then
    error(("thread %%d: %%q, not %%q"):format(own, tostring(message), wanted))
  end
  local status, why = box:status()
  if (status ~= "exhausted" and status ~= "killed") or why ~= kind then
    error(("thread %%d: %%s %%s after %%s"):format(own, status, tostring(why), message))
  end
  stops = stops + 1
  return status
end

-- The limits come last: a thread that gets no turn for some milliseconds has used up its wall before it has begun.
local function new(options)
  local box = sandbox.new()
  box:set("nothing", function() end)
  box:limits(options)
  return box
end

-- Never stopped, whatever happens to the others and beside it.
local quiet = new { cpu = 1e6 }
local function work()
  local n = 20000 + random(50000)
  local sum = 0
  for i = 1, n do sum = sum + i %% 7 end
  local got = quiet:dostring(WORK, n)
  if got ~= sum or quiet:status() ~= "ready" then error(("thread %%d: %%s, not %%s"):format(own, tostring(got), tostring(sum))) end
end

for round = 1, rounds do
  work()
  local kind = random(2) == 1 and "cpu" or "wall"
  local value = limit(kind == "cpu" and 0.002 or 0.004)
  local box = new { [kind] = value }
  if stopped(box, kind, value, SOFT[random(#SOFT)]) == "exhausted" then
    -- It lives on under another limit of this thread's, and is stopped by that one.
    value = limit(0.001)
    box:limits { cpu = value, wall = math.huge }
    stopped(box, "cpu", value, SOFT[random(#SOFT)])
  end
  if round %% 2 == 0 then box:close() end
  if round %% 4 == 0 then
    value = limit(0.003)
    local hard = new { [kind] = value }
    stopped(hard, kind, value, HARD)
    -- One above the other: the lower one's stop leaves the upper one at work.
    local upper = new { cpu = 1e6 }
    upper:opensandbox()
    local said = upper:dostring([[
      local b = sandbox.new()
      b:limits { cpu = ... }
      local ok, message = pcall(b.dostring, b, "while true do end")
      return message]], value)
    if not tostring(said):find(("cpu limit of %%s s exceeded"):format(tostring(value)), 1, true) or upper:status() ~= "ready" then
      error(("thread %%d, below: %%s, %%s"):format(own, tostring(said), upper:status()))
    end
    stops = stops + 1
  end
end
if quiet:usage().cpu <= 0 then error("the quiet box has used no time") end
-- Some are open when the state is closed.
return tostring(stops)
]==]

soak.run(function()
  local before, stops = nil, 0
  -- Threads come and go: three times eight.
  for turn = 1, 3 do
    local chunks = {}
    for i = 1, THREADS do chunks[i] = CODE:format(i, math.max(1, math.ceil(rounds / 3)), soak.seed + turn * 100) end
    local results = threads.states(0, soak.unpack(chunks))
    for i = 1, THREADS do
      assert(results[i].ok, results[i].result)
      stops = stops + assert(tonumber(results[i].result), results[i].result)
    end
    if not before then before = soak.figures() end
  end
  local after = soak.figures()
  soak.say("after the first eight %s", soak.shown(before))
  soak.say("at the end            %s", soak.shown(after))
  soak.assert_flat(before, after, 16 * 1024, 2000)
  assert(stops >= 3 * THREADS, "only " .. stops .. " stops")
  soak.done("%d threads, 3 times, %d stops, each of its own thread", THREADS, stops)
end)
