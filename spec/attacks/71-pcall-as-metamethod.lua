-- class: crash
-- correct: "stack overflow" or another Lua error; on LuaJIT, which writes past its own stack here, at most the box
-- expect: held|stop stack
-- expect jit: held|stop fault|stop stack
-- versions: all

local t = setmetatable({}, { __call = pcall })
pcall(t)
local u = setmetatable({}, { __call = xpcall })
pcall(u, print)
local compile = loadstring or load
if compile then
  for i = 1, 245, 4 do
    local f = compile("return pcall(" .. ("pcall, "):rep(i) .. "pairs, {})", "=chain")
    if f then pcall(coroutine.wrap(f)) end
  end
end
print "HELD"
