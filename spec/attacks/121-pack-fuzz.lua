-- class: crash
-- correct: odd formats, sizes and positions give errors or results
-- expect: held
-- versions: 5.3,5.4
-- limits: cpu=3

local pieces = { "b", "B", "h", "i1", "i7", "i16", "i17", "I16", "j", "J", "T", "f", "d", "n", "s", "s1", "s8", "s16", "z", "x", "X", "Xi8", "Xd", "Xz", "c0",
  "c1", "c100000", "!", "!1", "!3", "!16", "!17", "<", ">", "=", " ", "i0", "c", "q", "i99999999999", "%", "\0" }
local values = { 0, -1, 127, 2 ^ 53, math.maxinteger, math.mininteger, 0.5, 0 / 0, "", "abc", "a\0b", ("x"):rep(300), {}, true }
local seed = 11
local function random(m) seed = (seed * 1103515245 + 12345) % 2147483648 return seed // 65536 % m + 1 end
for round = 1, 3000 do
  local format = pieces[random(#pieces)] .. pieces[random(#pieces)] .. pieces[random(#pieces)]
  local a, b, c = values[random(#values)], values[random(#values)], values[random(#values)]
  pcall(string.packsize, format)
  local ok, s = pcall(string.pack, format, a, b, c)
  if ok then pcall(string.unpack, format, s) pcall(string.unpack, format, s:sub(1, -2)) end
  pcall(string.unpack, format, ("\255"):rep(40), values[random(6)])
  pcall(string.unpack, format, ("\0"):rep(40), -random(60))
end
pcall(string.packsize, ("c2147483647"):rep(3))
pcall(string.pack, ("i16"):rep(100000))
-- each of these is filled byte by byte until memory ends
for _, size in ipairs { "c2147483647", "c9223372036854775807" } do
  pcall(string.packsize, size)
  pcall(string.packsize, size .. size)
  pcall(string.pack, size, "x")
  pcall(string.unpack, size, "x")
end
print "HELD"
