-- class: leak
-- correct: string.format("%p") shows no real address
-- expect: held
-- versions: 5.4,jit

local keep, real = {}, 0
for i = 1, 24 do
  keep[i] = { i }
  local ok, s = pcall(string.format, "%p", keep[i])
  local n = ok and tonumber((s:gsub("^0x", "")), 16)
  if n and n >= 0x100000 and n % 8 == 0 then real = real + 1 end
end
print(real == 24 and "ESCAPED: %p prints heap addresses" or "HELD")
