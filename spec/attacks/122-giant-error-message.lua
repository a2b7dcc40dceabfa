-- class: memory
-- correct: a giant error crosses as it is or ends as a memory error; what the host holds for it stays in bounds
-- expect: raises string|raises table|memory
-- versions: all
-- boxes: 6

local which = ...
local compile = loadstring or load
local ways = {
  function() error(("x"):rep(12000000), 0) end,
  function() error { ("x"):rep(6000000), ("y"):rep(6000000) } end,
  function() assert(compile("return " .. ("x"):rep(3000000) .. " )", "=" .. ("c"):rep(3000000))) end,
  function() assert(compile("error 'x'", "@" .. ("c"):rep(3000000)))() end,
  function() local t = nil return t[("k"):rep(3000000)] end,
  function() coroutine.wrap(function() error(("x"):rep(12000000)) end)() end,
}
ways[which]()
