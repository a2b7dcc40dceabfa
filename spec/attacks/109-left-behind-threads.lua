-- class: crash
-- correct: a thread left behind by a stop is garbage: after new limits it can be neither resumed, wrapped, closed nor
--   walked to any harm
-- expect: stop cpu
-- versions: all
-- then: held
-- note: on LuaJIT the stop may cost the box; then there is no second call

if ... ~= "again" then
  main = coroutine.running()
  inner = coroutine.create(function()
    running = coroutine.running()
    pcall(string.gsub, "x", "x", function() while true do end end)
    print "ESCAPED: the inner coroutine went on"
  end)
  outer = coroutine.wrap(function()
    outer_thread = coroutine.running()
    coroutine.resume(inner)
    print "ESCAPED: the outer coroutine went on"
  end)
  outer()
end

local function poke(co)
  pcall(coroutine.status, co)
  pcall(coroutine.resume, co, 1)
  pcall(coroutine.resume, coroutine.create(function() return coroutine.resume(co) end))
  pcall(debug.traceback, co)
  pcall(debug.traceback, co, "t", 1)
  if coroutine.isyieldable then pcall(coroutine.isyieldable, co) end
  if coroutine.close then pcall(coroutine.close, co) end
  pcall(tostring, co)
end
for round = 1, 3 do
  if main then poke(main) end
  poke(inner)
  poke(running)
  poke(outer_thread)
  pcall(outer)
  collectgarbage()
end
main, inner, running, outer, outer_thread = nil, nil, nil, nil, nil
for i = 1, 4 do
  for j = 1, 1000 do local junk = { coroutine.create(function() end) } end
  collectgarbage()
end
print "HELD"
