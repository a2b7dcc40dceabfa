-- class: host
-- correct: the values are copied: 200,000 levels deep, rings, NaN; metatables are dropped and no metamethod is run
-- expect: held
-- versions: all
-- note: checks.lua looks at what came; the coroutine of the corpus' version, which cannot cross, is in 107 of its own

local deep = {}
for i = 1, 200000 do deep = { deep } end
local ring = {}
ring.self = ring
ring[ring] = ring
local twig, comb = {}, {}
local node = comb
for i = 1, 5000 do
  node.root, node.twig, node.n = comb, twig, i
  -- through keys as well as values
  local inner = {}
  node[i % 2 == 0 and "next" or inner] = inner
  node = inner
end
local function spin() while true do end end
print "HELD"
return deep, ring, setmetatable({}, { __pairs = spin, __len = spin, __index = spin, __newindex = spin, __metatable = spin }),
  0 / 0, ("r"):rep(1000000), comb
