-- class: crash
-- correct: chains of metamethods end in a value or a Lua error, or in a stack stop that costs the box alone
-- expect: held|stop stack
-- expect jit: held|stop stack|stop fault
-- versions: all

for _, event in ipairs { "__index", "__newindex", "__call" } do
  local chain = function() return 1 end
  for i = 1, 20000 do chain = setmetatable({}, { [event] = chain }) end
  pcall(function() return chain.x end)
  pcall(function() chain.x = 1 end)
  pcall(function() return chain() end)
end
local ring = {}
ring.__index, ring.__newindex = ring, ring
setmetatable(ring, ring)
pcall(function() return ring.x end)
pcall(function() ring.x = 1 end)

-- each level a metamethod called from C
local deep
deep = setmetatable({}, { __index = function(t, k) return t[k + 1] + 1 end, __newindex = function(t, k, v) t[k + 1] = v t[k] = nil end,
  __unm = function(t) return -t + 1 end, __concat = function(a, b) return (a .. b) .. "" end, __lt = function(a, b) return not (a < b) end,
  __len = function(t) return #t + 1 end, __eq = function(a, b) return not (a == b) end })
local other = setmetatable({}, getmetatable(deep))
for round = 1, 3 do
  pcall(function() return deep[1] end)
  pcall(function() deep[1] = 1 end)
  pcall(function() return -deep end)
  pcall(function() return deep .. other end)
  pcall(function() return deep < other end)
  pcall(function() return deep == other end)
  pcall(function() return #deep end)
end
print "HELD"
