-- class: cpu
-- correct: the instructions limit stops it at the exact instruction, however short each coroutine lives
-- expect: stop instructions
-- versions: all
-- limits: instructions=200000 cpu=5 wall=20
-- note: a count that each new coroutine starts anew, or that is rounded down at a switch, never ends here

local wrap, create, resume, yield = coroutine.wrap, coroutine.create, coroutine.resume, coroutine.yield
local function nothing() end
local function once() yield() end
while true do
  wrap(nothing)()
  local co = create(once)
  resume(co)
  resume(co)
  resume(co)
  pcall(wrap(function() pcall(error) error("x") end))
end
