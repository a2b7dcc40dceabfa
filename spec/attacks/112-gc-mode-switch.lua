-- class: crash
-- correct: the collector's modes may be switched at will; a bug of the collector costs the box at most
-- expect: held|stop fault|stop stack
-- versions: 5.2,5.4
-- limits: cpu=3
-- note: generational mode of 5.2 is experimental, that of 5.4.0 to 5.4.4 had several bugs

local old, weak = {}, setmetatable({}, { __mode = "k" })
local function work(round)
  for i = 1, 200 do
    local key = { i }
    weak[key] = { key, function() return key, round end }
    old[i] = setmetatable({ old[i], i }, { __gc = i % 5 == 0 and function(o) old[i] = { o[2] } end or nil, __mode = i % 7 == 0 and "v" or nil })
    old[i][1] = nil
    local co = coroutine.wrap(function(a) local b = { a } coroutine.yield(b) return b end)
    old[i + 200] = { co(key), co }
  end
  for i = 1, 400, 3 do old[i] = nil end
end
for round = 1, 5 do
  collectgarbage "generational"
  work(round)
  collectgarbage "step"
  collectgarbage "incremental"
  work(round)
  collectgarbage("step", 10)
  pcall(collectgarbage, "setpause", round % 3 * 100)
  pcall(collectgarbage, "setmajorinc", round)
end
print "HELD"
