-- class: crash
-- correct: coroutines used the wrong way round give Lua errors, as in stock Lua, with the box's own resume and wrap
--   too
-- expect: held
-- versions: all

local unpack = table.unpack or unpack
local function fails(what, ok, ...)
  if ok then error(what .. " worked: " .. tostring((...)), 0) end
end
local main = coroutine.running()
if main then fails("resume of the main thread", coroutine.resume(main)) end
local self
self = coroutine.create(function()
  fails("resume of itself", coroutine.resume(self))
  if main then fails("resume of main from inside", coroutine.resume(main)) end
  local inner = coroutine.create(function()
    fails("resume of the parent", coroutine.resume(self))
    assert(coroutine.status(self) == "normal")
    return "end"
  end)
  assert(coroutine.resume(inner))
  assert(coroutine.status(inner) == "dead")
  fails("resume of the dead", coroutine.resume(inner))
  return "end"
end)
assert(coroutine.resume(self))
local wrapped
wrapped = coroutine.wrap(function() fails("wrap calling itself", pcall(wrapped)) coroutine.yield() end)
wrapped()
wrapped()
fails("a dead wrap", pcall(wrapped))
fails("a wrap that raises", pcall(coroutine.wrap(function() error { 1 } end)))
for _, wrong in ipairs { 1, "x", {}, print } do
  fails("resume of a " .. type(wrong), pcall(coroutine.resume, wrong))
  fails("status of a " .. type(wrong), pcall(coroutine.status, wrong))
end
fails("create without a function", pcall(coroutine.create))
-- many values both ways, more than a coroutine's first stack holds
local many = {}
for i = 1, 5000 do many[i] = i end
local echo = coroutine.wrap(function(...)
  local n = select("#", ...)
  while true do n = select("#", coroutine.yield(n, ...)) end
end)
assert(echo(unpack(many)) == 5000 and echo(unpack(many)) == 5000 and echo() == 0)
if coroutine.close then
  fails("close of the running one", pcall(coroutine.close, main))
  local co = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(co)
  assert(coroutine.close(co) and coroutine.status(co) == "dead" and coroutine.close(co))
  co = coroutine.create(function()
    fails("close of the parent", pcall(coroutine.wrap(function() return coroutine.close(co) end)))
  end)
  assert(coroutine.resume(co))
  local bad = coroutine.wrap(function() return coroutine.close(coroutine.running()) end)
  fails("close of itself", pcall(bad))
end
for i = 1, 2000 do
  local co = coroutine.wrap(function() coroutine.yield(coroutine.wrap(function() coroutine.yield(i) end)()) end)
  assert(co() == i)
end
collectgarbage()
print "HELD"
