-- class: memory
-- correct: a memory error while a memory error is handled is one more of them; where none fits even outside of pcall
--   the call ends
-- expect: stop cpu|memory
-- expect jit: stop cpu|memory|stop fault|stop stack
-- versions: all
-- note: the plain LuaJIT interpreter crashes here, which may cost the box

local keep = {}
local function eat()
  while true do keep[#keep + 1] = ("y"):rep(65536) .. #keep end
end
while true do
  xpcall(eat, function(e)
    keep[#keep + 1] = tostring(e) .. ("z"):rep(65536)
    eat()
  end)
end
