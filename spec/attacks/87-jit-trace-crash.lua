-- class: crash
-- correct: it holds, or costs the box by a fault; the process lives
-- expect: held|stop fault|stop stack
-- versions: jit
-- note: a bug of the trace recorder around next in fresh prototypes: with the JIT on, this harmless walk kills
--   Debian's LuaJIT every time

local compile = loadstring or load
local source = [[
  local seen, queue = { [_G] = true }, { { _G, "G" } }
  local function push(v, path)
    local t = type(v)
    if (t == "table" or t == "userdata") and not seen[v] then
      seen[v] = true
      queue[#queue + 1] = { v, path }
    end
  end
  push(getmetatable(""), "s")
  local i = 1
  while queue[i] and i < 5000 do
    local obj, path = queue[i][1], queue[i][2]
    i = i + 1
    if type(obj) == "table" then
      for k, v in next, obj do
        local p = path .. "." .. tostring(k)
        if type(v) == "function" and seen[k] then seen[p] = true end
        push(v, p)
        push(k, p .. "(key)")
      end
    end
    local ok, mt = pcall(getmetatable, obj)
    if ok then push(mt, path .. "-m") end
  end
]]
for round = 1, 400 do
  local f = compile(source)
  if f then pcall(f) end
end
print "HELD"
