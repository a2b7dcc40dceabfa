-- How figures are taken: both of a pair in each round, in turns, CPU time of the whole process, medians of rounds.
local floor = require "floor"

local measure = {}

local ROUNDS = 15
-- Each side works at least so long in a round: long against the clock's own cost, short against the machine's moods.
local BATCH = 0.006

--- The value that this share of the list is not above.
function measure.quantile(list, share)
  local sorted = {}
  for i, value in ipairs(list) do sorted[i] = value end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

function measure.median(list) return measure.quantile(list, 0.5) end

-- Seconds for each of `turns` turns.
local function timed(work, turns)
  -- What the other side has left behind is not this one's to clear away.
  collectgarbage()
  local began = floor.cpu()
  work(turns)
  return (floor.cpu() - began) / turns
end

-- How many turns make a batch; warms up on the way.
local function calibrated(work)
  local turns = 1
  while true do
    local each = timed(work, turns)
    if each * turns >= BATCH then return turns end
    turns = math.max(turns + 1, math.min(turns * 10, math.ceil(BATCH * 1.1 / each)))
  end
end

--- Compares two functions that do `n` turns of their work when called with n. Gives { cost, against, ratio, low, high }: seconds
-- for each turn of the first and of the second, the first by the second, and between what bounds half of the rounds lay: medians
-- of so many rounds.
function measure.pair(ours, theirs, rounds)
  local our_turns, their_turns = calibrated(ours), calibrated(theirs)
  local cost, against, ratios = {}, {}, {}
  for round = 1, rounds or ROUNDS do
    local a, b
    if round % 2 == 1 then
      a = timed(ours, our_turns)
      b = timed(theirs, their_turns)
    else
      b = timed(theirs, their_turns)
      a = timed(ours, our_turns)
    end
    cost[round], against[round], ratios[round] = a, b, a / b
  end
  return measure.summary(cost, against, ratios)
end

--- The same from lists of what rounds gave.
function measure.summary(cost, against, ratios)
  return {
    cost = measure.median(cost),
    against = measure.median(against),
    ratio = measure.median(ratios),
    low = measure.quantile(ratios, 0.25),
    high = measure.quantile(ratios, 0.75),
  }
end

--- Compares with what another process tells: `ask()` gives a table of seconds by name, and for each name in `floors`, a function
-- as `pair` takes them is timed in the same round. Gives a summary for each name.
function measure.against_process(ask, floors, rounds)
  local turns, cost, against, ratios = {}, {}, {}, {}
  for name, work in pairs(floors) do
    turns[name] = calibrated(work)
    cost[name], against[name], ratios[name] = {}, {}, {}
  end
  for round = 1, rounds do
    local told = ask()
    for name, work in pairs(floors) do
      local b = timed(work, turns[name])
      cost[name][round], against[name][round], ratios[name][round] = told[name], b, told[name] / b
    end
  end
  local summaries = {}
  for name in pairs(floors) do summaries[name] = measure.summary(cost[name], against[name], ratios[name]) end
  return summaries
end

return measure
