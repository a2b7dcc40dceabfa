-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- boxes: 2
-- note: a comparison of two strings is one instruction; with a megabyte in common, or a megabyte of NULs, each takes
--   milliseconds

local which = ...
local prefix = which == 1 and ("p"):rep(1048576) or ("\0"):rep(1048576)
local t = {}
for i = 1, 20 do t[i] = prefix .. ("%03d"):format(i * 7 % 20) end
while true do
  table.sort(t)
  table.sort(t, function(a, b) return a > b end)
end
