-- class: memory
-- correct: memory errors may be caught, but not for ever
-- expect: stop cpu|memory
-- versions: all
-- note: the closure for pcall is made outside of it: on 5.1 and LuaJIT, without a collection in need, that may be
--   what fails

local rounds = 0
while true do
  pcall(function()
    local t, n = {}, 0
    while true do n = n + 1 t[n] = ("m"):rep(100000) .. n end
  end)
  rounds = rounds + 1
end
