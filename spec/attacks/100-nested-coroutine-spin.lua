-- class: cpu
-- correct: a stop in the innermost of many coroutines ends the whole call: no level gets it as a result, none goes on
-- expect: stop cpu
-- versions: all
-- limits: cpu=0.3
-- boxes: 3

local which = ...
local levels = ({ 1, 20, 40 })[which]
local function down(n)
  if n == 0 then while true do end end
  local co = coroutine.create(function()
    pcall(down, n - 1)
    print("ESCAPED: level " .. n .. " went on inside")
  end)
  coroutine.resume(co)
  print("ESCAPED: level " .. n .. " went on")
end
xpcall(function() down(levels) end, function() print "ESCAPED: a handler ran" end)
print "ESCAPED: xpcall came back"
