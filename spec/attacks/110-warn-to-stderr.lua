-- class: leak
-- correct: warnings of the box, its own and those of failing finalizers, never come out of the process' stderr
-- expect: held
-- versions: 5.4
-- note: the harness counts any output past the box's streams as a failure

warn "@on"
warn("a warning ", "in pieces of the box")
for i = 1, 3 do setmetatable({}, { __gc = function() error "a finalizer's error" end }) end
collectgarbage()
warn "@off"
local pieces = {}
for i = 1, 200 do pieces[i] = ("w"):rep(1000) end
warn(table.unpack(pieces))
print "HELD"
