-- class: escape
-- correct: however a finalizer got its place it runs under the limits: stopped, and nothing after
-- expect: stop cpu
-- versions: 5.2,5.3,5.4
-- boxes: 4
-- note: the corpus wants __gc off for good; here each way round a filter that looks at __gc once, in setmetatable,
--   must end in the same stop

local which = ...
local ways = {
  -- a placeholder when setmetatable looks, a function later
  function(fin)
    local mt = { __gc = true }
    local o = setmetatable({}, mt)
    mt.__gc = fin
    return o
  end,
  -- a second setmetatable with the same table
  function(fin)
    local mt = {}
    local o = setmetatable({}, mt)
    rawset(mt, "__gc", fin)
    return setmetatable(o, mt)
  end,
  -- hidden from a filter by the metatable's own metatable
  function(fin)
    local mt = setmetatable({}, { __index = function() end, __pairs = function() return next, {}, nil end, __metatable = "no" })
    rawset(mt, "__" .. "gc", fin)
    return setmetatable({}, mt)
  end,
  -- masked by __metatable
  function(fin)
    local mt = { __gc = 1, __metatable = {} }
    local o = setmetatable({}, mt)
    rawset(mt, "__gc", fin)
    return o
  end,
}
local make = ways[which]
kept = make(function() print "ESCAPED: a finalizer ran at the close" end)
local began = false
make(function()
  began = true
  while true do end
end)
for i = 1, 4 do collectgarbage() end
print(began and "ESCAPED: the code went on after the stop of its finalizer" or "the finalizer did not run")
