-- Boxes made, run, stopped softly and hard, closed and collected: `lua spec/soak/churn.lua [boxes] [seed]`. What the process holds
-- stays flat: resident memory, mappings, files, threads, timers.
local soak = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = soak.sandbox
local random, pick = soak.random, soak.pick

local boxes = soak.size(100000)
local HARD = "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')"
local SOFT = "while true do pcall(error) end"
local stopped = { exhausted = 0, killed = 0 }

local function stop(box, code, kind, limit)
  box:limits { [kind] = limit }
  local ok, message = pcall(box.dostring, box, code)
  assert(not ok and message:find(kind .. " limit of", 1, true), tostring(message))
  local status, why = box:status()
  assert((status == "exhausted" or status == "killed") and why == kind, ("%s %s"):format(status, tostring(why)))
  stopped[status] = stopped[status] + 1
end

local function equal(got, want)
  if got ~= want then error(("got %s, not %s"):format(tostring(got), tostring(want)), 2) end
end

-- What a box is used for before it goes.
local USES = {
  function(box, i) equal(box:dostring("return ...", i), i) end,
  function(box, i)
    box:set("t", { i, { i } })
    box:set("cb", function(n) return n + 1 end)
    equal(box:dostring("return cb(t[2][1])"), i + 1)
  end,
  function(box, i)
    local f = box:dostring("return function(n) return n * 2 end")
    equal(f(i), i * 2)
  end,
  function(box)
    local out = {}
    box:stdout(sandbox.newstream(nil, function(s) out[#out + 1] = s end))
    box:dostring("print('line') io.stdout:flush()")
    equal(table.concat(out), "line\n")
  end,
  function(box)
    box:opensandbox()
    equal(box:dostring("below = sandbox.new() return below:dostring('return 7')"), 7)
  end,
  function(box) box:dostring("co = coroutine.wrap(function() coroutine.yield(1) end) co() local t = {} for i = 1, 99 do t[i] = {} end") end,
  function(box) equal(pcall(box.dostring, box, "error({ 1 })"), false) end,
  function(box)
    box:set("close", function() box:close() end)
    pcall(box.dostring, box, "close() return 1")
  end,
  -- On LuaJIT what goes on for a millisecond is compiled, and compiled code is stopped hard.
  function(box, i) if i % (soak.is_jit and 100 or 10) == 0 then stop(box, SOFT, "cpu", 0.001) end end,
  function(box) stop(box, "while true do io.write('four') end", "output", 10) end,
}

local function life(i)
  local box = sandbox.new()
  if i % 100 == 0 then
    -- Long enough for the call to begin, mostly, on a busy machine.
    stop(box, HARD, i % 200 == 0 and "wall" or "cpu", 0.005)
  else
    pick(USES)(box, i)
  end
  -- Half of them are closed, half are left to the collector.
  if random(2) == 1 then box:close() end
end

soak.run(function()
  local function turns(from, to)
    for i = from, to do
      life(i)
      if i % 1000 == 0 then collectgarbage() end
    end
  end
  -- Pools find their size first.
  local warm = math.max(400, math.floor(boxes / 10))
  turns(1, warm)
  local before = soak.figures()
  turns(warm + 1, warm + boxes)
  local after = soak.figures()
  soak.say("before %s", soak.shown(before))
  soak.say("after  %s", soak.shown(after))
  soak.assert_flat(before, after, 8 * 1024, 400)
  -- Some may be stopped before their long call has begun.
  assert(stopped.killed >= boxes / 200, "stopped hard only " .. stopped.killed .. " times")
  soak.done("%d boxes and %d to get warm, %d stopped softly, %d hard", boxes, warm, stopped.exhausted, stopped.killed)
end)
