-- class: host
-- correct: the output limit stops it, and no byte more than it allows comes out
-- expect: stop output
-- versions: all
-- limits: output=100000
-- boxes: 4

local which = ...
local chunk = ("spam "):rep(3000)
while true do
  if which == 1 then
    pcall(print, chunk)
  elseif which == 2 then
    pcall(io.stderr.write, io.stderr, chunk)
  elseif which == 3 then
    pcall(io.write, "x")
  else
    -- one write that alone goes far past it
    pcall(io.write, chunk:rep(1000))
  end
end
