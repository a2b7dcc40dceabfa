-- Hundreds of calls wait in a few boxes and are resumed, dropped, stopped, closed and added in an order that nobody has thought of.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local seed = tonumber(arg[1]) or 20260101
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2 ^ 31
  return math.floor(seed / 65536) % n + 1
end

local CODE = [[
  local depth, kind = ...
  local mine = {}
  mine[1] = depth
  local function go()
    if depth > 0 and kind == 1 then return deeper(depth - 1) end
    if depth > 0 and kind == 2 then return coroutine.wrap(function() return stop(depth) end)() end
    if kind == 3 then return below:dostring("return stop(...)", depth) end
    if kind == 4 then error({ depth }) end
    if kind == 5 then local t = {} for i = 1, 200 do t[i] = { i } end return stop(t) end
    return stop(depth)
  end
  local ok, got = pcall(go)
  assert(mine[1] == depth, "the stacks are mixed")
  if not ok then error(got, 0) end
  return got
]]

local boxes, calls = {}, {}
local function new(i)
  local box = sandbox.new { cpu = 60, memory = 4 * 2 ^ 20 }
  boxes[i] = box
  box:opensandbox()
  box:set("stop", function(x) return coroutine.yield(x) end)
  box:set("deeper", function(n)
    local other = boxes[random(#boxes)]
    return other:dostring(CODE, n, random(5))
  end)
  box:dostring("below = sandbox.new { memory = 2 ^ 20 } below:set('stop', stop)")
end
for i = 1, 6 do new(i) end

-- stopped in the middle of others' calls: softly, or for good
local function stop(i)
  local box = boxes[i]
  box:limits { cpu = 0.002 }
  host.raises("cpu limit", box.dostring, box, "local n = 0 while true do n = n + 1 end")
  box:limits { cpu = 60 }
  local status = box:status()
  if status ~= "ready" and status ~= "running" then
    box:close()
    new(i)
  end
end

local stops = 0
local finished, failed, dropped, closed = 0, 0, 0, 0
local function step(index, co)
  local ok, message = coroutine.resume(co, "answer")
  if coroutine.status(co) == "dead" then
    table.remove(calls, index)
    if ok then finished = finished + 1 else failed = failed + 1 end
    assert(ok or type(message) == "table" or not tostring(message):find("mixed"), tostring(message))
  end
end

for turn = 1, 3000 do
  local what = random(20)
  if what <= 9 and #calls < 300 then
    local co = coroutine.create(function() return boxes[random(#boxes)]:dostring(CODE, random(6), random(5)) end)
    calls[#calls + 1] = co
    step(#calls, co)
  elseif what <= 16 and #calls > 0 then
    local index = random(#calls)
    step(index, calls[index])
  elseif what == 17 and #calls > 0 then
    table.remove(calls, random(#calls))
    dropped = dropped + 1
  elseif what == 18 then
    if random(4) == 1 then
      local i = random(#boxes)
      boxes[i]:close()
      new(i)
      closed = closed + 1
    else
      pcall(boxes[random(#boxes)].dostring, boxes[random(#boxes)], "collectgarbage()")
    end
  elseif what == 19 and turn % 3 == 0 then
    collectgarbage()
  elseif what == 20 and turn % 5 == 0 then
    stop(random(#boxes))
    stops = stops + 1
  else
    host.equal(boxes[random(#boxes)]:dostring("return 3"), 3, "a call in between")
  end
end
assert(finished > 100 and failed > 10 and dropped > 10 and closed > 3 and stops > 3,
  ("%d %d %d %d %d"):format(finished, failed, dropped, closed, stops))
calls = nil
for _ = 1, 4 do collectgarbage() end
for i = 1, #boxes do
  host.equal(boxes[i]:status(), "ready", "box " .. i)
  host.equal(boxes[i]:dostring("return below:dostring('return 9')"), 9, "box " .. i)
end
host.done()
