-- class: leak
-- correct: tostring shows an identity that says nothing of memory
-- expect: held
-- versions: all
-- note: ids that are small counters or unaligned hashes count as held; %s goes where the VM can do it: 5.2 and later,
--   LuaJIT

local function numbers(make)
  local all = {}
  for i = 1, 24 do
    local hex = tostring(make(i)):match "0?x?(%x%x%x%x%x+)%)?$"
    local n = hex and tonumber(hex, 16)
    if not n or n < 0x100000 or n % 8 ~= 0 then return nil end
    all[#all + 1] = n
  end
  return all[1]
end
local keep = {}
local kinds = {
  ["%s"] = function(i) keep[#keep + 1] = {} return select(2, pcall(string.format, "%s", keep[#keep])) end,
  table = function(i) keep[#keep + 1] = {} return keep[#keep] end,
  ["function"] = function(i) local f = function() return i end keep[#keep + 1] = f return f end,
  thread = function(i) local c = coroutine.create(function() end) keep[#keep + 1] = c return c end,
}
local leaks = {}
for k, make in pairs(kinds) do
  if numbers(make) then leaks[#leaks + 1] = k end
end
-- three handles: each an aligned address of the heap or of libc's data
local handles = 0
for _, name in ipairs { "stdin", "stdout", "stderr" } do
  local hex = tostring(io[name]):match "0x(%x+)"
  local n = hex and tonumber(hex, 16)
  if n and n % 16 == 0 and n > 0x500000000000 and n < 0x800000000000 then handles = handles + 1 end
end
if handles == 3 then leaks[#leaks + 1] = "file" end
table.sort(leaks)
print(#leaks > 0 and "ESCAPED: real addresses of " .. table.concat(leaks, ", ") or "HELD")
