-- class: host
-- correct: sharing is kept, so a table with 2^60 ways through it crosses as 61 tables
-- expect: held
-- versions: all
-- note: checks.lua looks at what came

local t = {}
for i = 1, 60 do t = { t, t } end
print "HELD"
return t
