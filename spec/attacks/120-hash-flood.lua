-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, whatever single instructions come to cost
-- expect: stop cpu
-- versions: all
-- note: 5.1 to 5.3 and LuaJIT hash a long string by a few of its characters: with the counter between those, each new
--   key walks a chain of all before

local t, before, after = {}, ("x"):rep(1000), ("x"):rep(16)
for i = 1, 12000 do t[before .. ("%08d"):format(i) .. after] = i end
while true do
  for i = 1, 12000 do t[before .. ("%08d"):format(i) .. after] = i end
end
