-- class: escape
-- correct: module, if there, writes into the box's own globals and inherits only from them; nothing of the host
--   changes
-- expect: held
-- versions: 5.1,jit
-- note: the corpus counts module() itself as an escape; the manual makes base and package the box's own, so what
--   counts is what becomes visible by it

if not module then print "HELD" return end
local bad = {}
local function look(env, where)
  local function has(lib, fn)
    local ok, t = pcall(function() return env[lib] end)
    if ok and type(t) == "table" and t[fn] ~= nil then bad[#bad + 1] = where .. ": " .. lib .. "." .. fn end
  end
  for _, pair in ipairs { { "os", "execute" }, { "io", "popen" }, { "debug", "sethook" }, { "debug", "getregistry" },
      { "package", "loadlib" }, { "jit", "off" }, { "ffi", "cdef" } } do
    has(pair[1], pair[2])
  end
end
local function inner(see)
  module("probe_mod", see)
  look(_M, "the module")
  if _G then look(_G, "its _G") end
end
local seeall = type(package) == "table" and package.seeall
pcall(inner, seeall or nil)
look(_G, "globals")
if type(package) == "table" and type(package.loaded) == "table" then
  for name, lib in pairs(package.loaded) do
    if type(lib) == "table" and (rawget(lib, "execute") or rawget(lib, "sethook") or rawget(lib, "loadlib")) then
      bad[#bad + 1] = "loaded: " .. tostring(name)
    end
  end
end
print(#bad > 0 and "ESCAPED: module() shows " .. table.concat(bad, ", ") or "HELD")
