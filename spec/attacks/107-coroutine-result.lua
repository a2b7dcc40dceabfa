-- class: host
-- correct: what cannot cross is an error that names where it sits, as a result and as an error value
-- expect: error users[3]
-- versions: all
-- boxes: 2

local which = ...
local value = { users = { 1, 2, coroutine.create(function() end) } }
if which == 2 then error(value) end
return value
