-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: all
-- note: endless tail calls and metamethod ping-pong, no loop statement at all

local a, b
local mt = { __call = function(self, n) return a(n + 1) end }
local obj = setmetatable({}, mt)
function a(n) if n % 2 == 0 then return b(n) end return obj(n) end
function b(n) return a(n + 1) end
a(0)
