-- class: crash
-- correct: "pattern too complex", or on 5.1, whose matcher has no such check, a stack stop
-- expect: held
-- expect 5.1: held|stop stack
-- versions: all

local subject = ("a"):rep(2 ^ 20)
for _, unit in ipairs { ".?", "a-", "a*", "a?" } do
  pcall(string.find, subject, unit:rep(2 ^ 19))
end
print "HELD"
