-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- note: exponential matching inside one C call: no hook fires

local n = 40
print(string.find(("a"):rep(n), ("a?"):rep(n) .. ("a"):rep(n) .. "$"))
local s = ("a"):rep(n)
while true do s:match(("a*"):rep(n) .. "b") end
