-- class: escape
-- correct: there is no io.popen in a box
-- expect: held
-- versions: all

local popen = type(io) == "table" and io.popen
if not popen then print "HELD" return end
local ok, pipe = pcall(popen, "echo pwn", "r")
local text
if ok and pipe then
  text = pipe:read "*l"
  pcall(pipe.close, pipe)
end
if text == "pwn" then
  print "ESCAPED: io.popen gave the output of a command"
else
  print "HELD"
end
