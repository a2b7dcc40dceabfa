-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: 5.1,jit
-- note: a pause of 0 and a step multiplier of 0 turn each GC step into a full collection

local keep = {}
for i = 1, 60000 do keep[i] = { i } end
if collectgarbage then
  pcall(collectgarbage, "setpause", 0)
  pcall(collectgarbage, "setstepmul", 0)
end
while true do
  for i = 1, 5000 do keep[i % 500] = { i } end
  if collectgarbage then pcall(collectgarbage, "step", 0) end
end
