-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- limits: cpu=0.3
-- boxes: 3
-- note: 30 keys, each the double of the one before, make # answer 2^29 or so: no metamethod is needed for a shift of
--   500 million elements

local which = ...
local keys, make, border = {}, nil, 0
-- a constructor sizes the hash part at once, so that no rehash moves keys into the array part; where the VM
-- puts some there all the same, another chain of doubled keys begins behind those
for try = 1, 6 do
  local key = border + 1
  while key < 2 ^ 30 do
    keys[#keys + 1] = ("[%d]=1"):format(key)
    key = key * 2
  end
  make = (loadstring or load)("return {" .. table.concat(keys, ",") .. "}")
  border = #make()
  if border > 2 ^ 28 then break end
end
assert(border > 2 ^ 28, "the border is at " .. border)
local ways = {
  function() table.insert(make(), 1, "x") end,
  function() table.remove(make(), 1) end,
  function()
    if table.foreachi then
      -- io.type gives nil for each pair, so the walk goes on
      local t = setmetatable(make(), { __index = function() return 1 end })
      table.foreachi(t, io.type)
    else
      table.insert(make(), 2, "x")
    end
  end,
}
while true do pcall(ways[which]) end
