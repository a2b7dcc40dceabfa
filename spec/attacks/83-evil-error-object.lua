-- class: host
-- correct: the error value crosses as any value: a plain table without its metatable, no metamethod is run for it
-- expect: raises table
-- versions: all
-- note: checks.lua looks at what came; plain 5.2 and later hang while they print the message

error(setmetatable({}, {
  __tostring = function() while true do end end,
  __name = ("n"):rep(1000000),
  __index = function(t, k) while true do end end,
  __metatable = false,
}), 0)
