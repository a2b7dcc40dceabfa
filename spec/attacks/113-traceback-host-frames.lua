-- class: leak
-- correct: tracebacks and positions show the box's own stack, nothing of the host's, and no addresses (LuaJIT's own
--   shows those of C functions)
-- expect: held
-- versions: all

local function foreign(s)
  return type(s) == "string" and (s:find("child.lua", 1, true) or s:find("run.lua", 1, true) or s:find("src/", 1, true)
    or s:find "0x%x%x%x%x%x%x%x%x%x%x")
end
local shown
local function look(...)
  for i = 1, select("#", ...) do
    local s = select(i, ...)
    if foreign(s) then shown = s end
  end
end
look(debug.traceback())
for level = 0, 60 do
  look(debug.traceback("", level))
  look(pcall(error, "x", level))
  look(select(2, pcall(function() error("x", level) end)))
  if getfenv then look(pcall(getfenv, level)) end
end
look(xpcall(function() local x = nil + 1 end, debug.traceback))
look(coroutine.wrap(function() return debug.traceback() end)())
look(debug.traceback(coroutine.create(function() end)))
look(select(2, (loadstring or load) "return )"))
look(pcall(dofile, "/none"))
look(pcall(require, "none"))
print(shown and "ESCAPED: " .. shown:gsub("\n", " "):sub(1, 200) or "HELD")
