-- class: crash
-- correct: an error in error handling; on LuaJIT, which overruns its stack here, at most the box
-- expect: held
-- expect jit: held|stop fault|stop stack
-- versions: all

local mt = { __add = function(a, b) local _ return a + b end }
local p, q = setmetatable({}, mt), setmetatable({}, mt)
local function body()
  xpcall(error, function()
    pcall(error)
    local a, b, c, d, e, f, g, h, i, j
    local k, l, m, n, o, r, s, t, u, v
    local x = p + q
  end)
end
for i = 1, 100 do pcall(coroutine.wrap(body)) end
print "HELD"
