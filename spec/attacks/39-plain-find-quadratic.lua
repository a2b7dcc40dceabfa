-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- note: string.find with plain = true is a C loop of O(n*m): a metered pattern engine must meter this path also

local hay = ("a"):rep(3000000)
local needle = ("a"):rep(1500000) .. "b"
while true do string.find(hay, needle, 1, true) end
