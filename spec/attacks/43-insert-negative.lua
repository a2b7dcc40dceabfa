-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: 5.1,jit
-- note: no range check on the position: the C loop runs from n down to -2^31

while true do pcall(table.insert, {}, -2147483647, "x") end
