-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the collector's atomic phase
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- note: 40,000 one-entry weak-key tables linked in random order (about 8 MB): one collection takes 10 s or more and
--   looks at no hook

local N, seed = 40000, 7
local function random(m) seed = (seed * 1103515245 + 12345) % 2147483648 return seed % m + 1 end
local keys, order, tabs = {}, {}, {}
for i = 1, N do keys[i] = {} order[i] = i end
for i = N, 2, -1 do
  local j = random(i)
  order[i], order[j] = order[j], order[i]
end
for i = 1, N - 1 do
  tabs[order[i]] = setmetatable({ [keys[i]] = keys[i + 1] }, { __mode = "k" })
end
local first = keys[1]
keys = nil
while true do
  if collectgarbage then pcall(collectgarbage) end
  for i = 1, 1000 do local junk = { i, tostring(i) } end
end
