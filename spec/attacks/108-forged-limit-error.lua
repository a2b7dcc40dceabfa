-- class: host
-- correct: what code can raise itself never makes status() say exhausted
-- expect: raises string
-- versions: all
-- boxes: 8

local which = ...
local text = "cpu limit of 1 s exceeded"
local ways = {
  function() error(text, 0) end,
  function() error(text) end,
  function() error("wall limit of 5 s exceeded", 2) end,
  function() error("memory limit of 67108864 bytes exceeded", 0) end,
  function() error("sandbox is closed", 0) end,
  function() assert(false, "stack limit exceeded") end,
  function() coroutine.wrap(function() error(text, 0) end)() end,
  function() assert((loadstring or load)("return 1", "=" .. text)) assert((loadstring or load)("return )", "=" .. text)) end,
}
ways[which]()
