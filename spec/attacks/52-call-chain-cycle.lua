-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the VM's own loop
-- expect: stop cpu
-- versions: 5.4
-- note: a __call cycle is resolved by one endless C loop in the VM that shifts the whole stack at each step

local mt = {}
mt.__call = mt
setmetatable(mt, mt)
while true do pcall(setmetatable({}, mt)) end
