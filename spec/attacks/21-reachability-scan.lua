-- class: escape
-- correct: nothing reachable from the globals, metatables or handles is a function that the manual leaves out
-- expect: held
-- expect jit: held|stop fault|stop stack
-- versions: all
-- note: io.open and os.exit are the box's own and may be reached, under no other identity; __gc of a handle is abused
--   in 104; this walk sometimes crashes Debian's LuaJIT (see 87), which may cost the box

local forbidden = {}
for name in ([[execute popen remove rename tmpname tmpfile setlocale loadlib cdef
    getregistry sethook gethook getupvalue setupvalue upvaluejoin upvalueid getlocal setlocal
    setuservalue setcstacklimit dlopen getinfo]]):gmatch "[%w_]+" do
  forbidden[name] = true
end
local seen, queue, bad = {}, { { _G, "_G" } }, {}
local function push(v, path)
  local t = type(v)
  if (t == "table" or t == "userdata") and not seen[v] then
    seen[v] = true
    queue[#queue + 1] = { v, path }
  end
end
seen[_G] = true
push(getmetatable(""), "string-metatable")
if type(io) == "table" then
  for _, h in ipairs { "stdin", "stdout", "stderr" } do
    if io[h] then push(getmetatable(io[h]), "io." .. h .. "-metatable") end
  end
end
if getfenv then push(getfenv(0), "getfenv(0)") push(getfenv(print), "getfenv(print)") end
local compile = loadstring or load
if compile then
  local f = compile "return _G, _ENV"
  if f then local g, e = f() push(g, "load:_G") push(e, "load:_ENV") end
end
push(coroutine.wrap(function() return _G end)(), "coroutine:_G")
local i = 1
while queue[i] and i < 5000 do
  local obj, path = queue[i][1], queue[i][2]
  i = i + 1
  if type(obj) == "table" then
    for k, v in next, obj do
      local p = path .. "." .. tostring(k)
      local other = (k == "open" and v ~= io.open) or (k == "exit" and v ~= os.exit)
      if type(v) == "function" and (forbidden[k] or other) and v ~= table.remove then bad[#bad + 1] = p end
      push(v, p)
      push(k, p .. "(key)")
    end
  end
  local ok, mt = pcall(getmetatable, obj)
  if ok then push(mt, path .. "-metatable") end
end
table.sort(bad)
print(#bad > 0 and "ESCAPED: reachable: " .. table.concat(bad, " ", 1, math.min(#bad, 12)) or "HELD")
