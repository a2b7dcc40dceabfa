-- class: host
-- correct: the output limit stops what writes to files, too, and no byte more than it allows is written
-- expect: stop output
-- versions: all
-- limits: output=100000
-- boxes: 3
-- files: tree

local which = ...
local piece = ("spam"):rep(1000)
local f = io.open("flood", which == 2 and "a" or "w")
while true do
  if which == 1 then
    pcall(f.write, f, piece)
  elseif which == 2 then
    local g = io.open("flood", "a")
    pcall(g.write, g, piece, piece)
    g:close()
  else
    pcall(f.write, f, piece:rep(1000))
    f:seek("set", 0)
  end
end
