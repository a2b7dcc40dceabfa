-- class: crash
-- correct: "C stack overflow" or "stack overflow", or a stack stop that costs the box alone
-- expect: held|stop stack
-- versions: all
-- note: LuaJIT takes 8 KB of C stack per level and does not check: frames that step over a guard page of 4 KB

local function dive() return (string.gsub("ab", "%w", dive)) end
print(pcall(dive))
print "HELD"
