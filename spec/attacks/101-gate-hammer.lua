-- class: cpu
-- correct: limits hold for code that spends its time in calls of the box's own library, through the gate and back
-- expect: stop cpu|stop wall
-- versions: all
-- limits: cpu=0.3 wall=2
-- boxes: 6
-- note: time at the gate may not count as the box's, so the wall limit may come first

local which = ...
local ways = {
  function() os.clock() os.time() end,
  function() os.getenv "HOME" end,
  function() io.read(0) io.read(1) end,
  function() io.open "/etc/passwd" end,
  function() math.randomseed(1) math.random() os.date() end,
  function() require "no_such_module" end,
}
while true do pcall(ways[which]) end
