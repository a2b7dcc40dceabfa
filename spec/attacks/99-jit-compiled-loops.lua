-- class: cpu
-- correct: compiled code is stopped as well, with the compiler on; it costs the box at most
-- expect: stop cpu
-- versions: jit
-- limits: cpu=0.2
-- boxes: 12
-- note: a trace looks at no hook; each way ends in another kind of trace: loops, recursion, stitched C calls, side
--   traces, string and table work

local which = ...
local a, b
function a(n) if n == 0 then return 0 end return b(n - 1) end
function b(n) return a(n) end
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local ways = {
  function() while true do end end,
  function() local x = 0 for i = 1, 1e15 do x = x + i % 3 end return x end,
  function() local x = 0 repeat x = x + 1 until x < 0 end,
  function() while true do a(1000) end end,
  function() while true do fib(30) end end,
  function() local t = {} local i = 0 while true do i = (i + 1) % 100 t[i + 1] = i end end,
  function() local n = 0 while true do n = (n + ("abc"):byte(n % 3 + 1)) % 1000 end end,
  function() local n = 0 while true do n = n + 1 if n % 3 == 0 then n = n - 1 elseif n % 7 == 0 then n = n + 2 end end end,
  function() local t = setmetatable({}, { __index = function(_, k) return k end }) local n = 0 while true do n = t[n] end end,
  function() while true do pcall(function() for i = 1, 1e9 do end end) end end,
  function() local t = {} for i = 1, 100 do t[i] = i end while true do for _, v in ipairs(t) do t[1] = v end end end,
  function() while true do local s = "" for i = 1, 50 do s = s .. i end end end,
}
while true do ways[which]() end
