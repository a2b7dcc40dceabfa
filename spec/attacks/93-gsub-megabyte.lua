-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- limits: cpu=0.3
-- boxes: 6
-- note: each form of the replacement is another path in C: none, template, table, C function, empty matches, anchors

local which = ...
local s = ("a"):rep(1048576)
local ways = {
  function() s:gsub("a-b", "") end,
  function() s:gsub(".", "%0%0") end,
  function() s:gsub(".", { a = "bb" }) end,
  function() s:gsub(".", string.upper) end,
  function() s:gsub("", "-") end,
  function() s:gsub("a*$", "%0") s:gsub("(a)(a*)", "%1") end,
}
while true do ways[which]() end
