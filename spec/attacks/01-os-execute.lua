-- class: escape
-- correct: there is no os.execute in a box
-- expect: held
-- versions: all

local exec = type(os) == "table" and os.execute
if not exec then print "HELD" return end
local ok, a, how, code = pcall(exec, ":")
local shell = select(2, pcall(exec))
if (ok and (a == true or a == 0)) or shell == true or shell == 1 then
  print("ESCAPED: os.execute ran a shell command")
else
  print "HELD"
end
