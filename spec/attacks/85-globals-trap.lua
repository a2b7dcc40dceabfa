-- class: host
-- correct: get, set and a call by the host are raw or limited, close is at once: no hang, no foreign error
-- expect: held
-- versions: all
-- note: checks.lua does what the host does afterwards

print "HELD"
local spin = function() while true do end end
getmetatable("").__index = setmetatable({}, { __index = spin })
for _, name in ipairs { "tostring", "error", "pcall", "xpcall", "type", "print", "next", "pairs", "select", "assert" } do
  rawset(_G, name, spin)
end
setmetatable(_G, { __index = spin, __newindex = spin, __pairs = spin, __len = spin, __tostring = spin, __metatable = spin })
