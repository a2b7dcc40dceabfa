-- class: host
-- correct: a yield outside of any coroutine is a plain error and never suspends the host's call; the chunk sees
--   itself as the main one
-- expect: held
-- versions: all
-- note: plain interpreters hold; a library that runs each chunk on a Lua thread of its own can fail

local thread, main = coroutine.running()
assert((thread == nil) or main == true, "the main chunk sees itself in a coroutine")
if coroutine.isyieldable then assert(not coroutine.isyieldable(), "the main chunk takes itself for yieldable") end
local ok = pcall(coroutine.yield, "out")
if ok then print "ESCAPED: the main chunk was suspended and resumed by the host" return end
pcall(string.gsub, "x", "x", function() coroutine.yield(1) end)
pcall(table.sort, { 2, 1 }, function() coroutine.yield(1) return true end)
pcall(function() return setmetatable({}, { __index = function() coroutine.yield(1) end }).x end)
pcall(load, function() coroutine.yield(1) end)
print "HELD"
