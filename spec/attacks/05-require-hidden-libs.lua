-- class: escape
-- correct: require finds only what was granted: nothing here; what package.loaded shows are the box's own reduced
--   libraries
-- expect: held
-- versions: all

local req = require
if not req then print "HELD" return end
local hits = {}
for _, lib in ipairs { "io", "os", "debug", "package", "ffi", "jit", "jit.util", "string.buffer" } do
  local ok, m = pcall(req, lib)
  if ok and type(m) == "table" then
    local f = m.popen or m.execute or m.getregistry or m.loadlib or m.cdef or m.funcinfo or m.off or m.encode
    if f then hits[#hits + 1] = lib end
  end
end
if type(package) == "table" and type(package.loaded) == "table" then
  for k, v in pairs(package.loaded) do
    if type(v) == "table" and (rawget(v, "popen") or rawget(v, "execute") or rawget(v, "getregistry")) then
      hits[#hits + 1] = "loaded:" .. tostring(k)
    end
  end
end
print(#hits > 0 and "ESCAPED: require/package gave " .. table.concat(hits, " ") or "HELD")
