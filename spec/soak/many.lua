-- 5,000 live boxes at once, called in random order: `lua spec/soak/many.lua [calls] [seed]`. Each keeps its own state right.
local soak = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = soak.sandbox
local random = soak.random

local most = 5000
local calls = soak.size(200000)

-- A counter, a coroutine suspended in the middle, and a closure, all of which go on from call to call.
local CODE = [[
local own = ...
n = 0
co = coroutine.wrap(function() local i = 0 while true do i = i + 1 coroutine.yield(i * own) end end)
function step(x) n = n + 1 return own, n, co(), tell(x) end
return function() return own * 3 end
]]

local boxes = {}
local made, told = 0, nil

local function make(place)
  made = made + 1
  local own = made
  local box = sandbox.new { memory = 2 ^ 20, cpu = 60 }
  box:set("tell", function(x) told = own return x + own end)
  boxes[place] = { box = box, own = own, n = 0, triple = box:dostring(CODE, own) }
end

local function call(entry)
  local x = random(1000)
  entry.n = entry.n + 1
  local own, n, product, sum
  local how = random(3)
  if how == 1 then
    own, n, product, sum = entry.box:dostring("return step(...)", x)
  elseif how == 2 then
    own, n, product, sum = entry.box:get("step")(x)
  else
    own, n, product, sum = entry.box:dostring("local x = ... x = { step(x) } return x[1], x[2], x[3], x[4]", x)
  end
  if own ~= entry.own or n ~= entry.n or product ~= entry.n * entry.own or sum ~= x + entry.own or told ~= entry.own then
    error(("box %d, call %d: it says %s, %s, %s, %s, and %s was called"):format(entry.own, entry.n, tostring(own), tostring(n),
      tostring(product), tostring(sum), tostring(told)))
  end
end

soak.run(function()
  local before = soak.figures()
  for i = 1, most do make(i) end
  local full = soak.figures()
  local replaced = 0
  for i = 1, calls do
    local place = random(most)
    local entry = boxes[place]
    local what = random(50)
    if what == 1 then
      -- Every other one is left to the collector.
      if i % 2 == 0 then entry.box:close() end
      make(place)
      replaced = replaced + 1
    elseif what == 2 then
      assert(entry.triple() == entry.own * 3, "a closure of another box answered")
    elseif what == 3 then
      assert(entry.box:get("n") == entry.n and entry.box:status() == "ready")
    else
      call(entry)
    end
  end
  -- And each once more, in order.
  for _, entry in ipairs(boxes) do call(entry) end
  boxes = {}
  local after = soak.figures()
  soak.say("before        %s", soak.shown(before))
  soak.say("%d boxes %s", most, soak.shown(full))
  soak.say("after         %s", soak.shown(after))
  -- Slots that were used are kept for the next boxes, their pages are given back. What the C library keeps of small
  -- blocks differs from run to run.
  assert(after.files == before.files, "files leak")
  assert(after.resident - before.resident < 96 * 1024, "resident memory is kept")
  soak.done("%d boxes alive at once, %d calls in random order, %d boxes replaced", most, calls, replaced)
end)
