-- class: host
-- correct: there is no os.setlocale in a box: the locale belongs to the process
-- expect: held
-- versions: all

local set = type(os) == "table" and os.setlocale
if type(set) ~= "function" then print "HELD" return end
local ok, now = pcall(set)
local ok2, changed = pcall(set, "C", "all")
if (ok and now) or (ok2 and changed) then
  print("ESCAPED: the process locale can be read and set: " .. tostring(now))
else
  print "HELD"
end
