-- class: escape
-- correct: debug has traceback only: a limit can be neither seen nor taken off by it
-- expect: held
-- versions: all
-- note: looks at every field there is, not at a list of known names

local bad = {}
for name in pairs(debug) do
  if name ~= "traceback" then bad[#bad + 1] = tostring(name) end
end
local meta = getmetatable(debug)
if type(meta) == "table" and meta.__index then bad[#bad + 1] = "a metatable" end
for _, name in ipairs { "sethook", "gethook", "getinfo", "getlocal", "setlocal", "getupvalue", "setupvalue", "upvalueid",
    "upvaluejoin", "setmetatable", "getmetatable", "getfenv", "setfenv", "getuservalue", "setuservalue", "debug",
    "getregistry", "setcstacklimit" } do
  if debug[name] ~= nil then bad[#bad + 1] = name end
end
if debug.sethook then pcall(debug.sethook) end
assert(type(debug.traceback) == "function", "debug.traceback is missing")
print(#bad > 0 and "ESCAPED: debug." .. table.concat(bad, ", debug.") or "HELD")
