-- class: crash
-- correct: "too many results to unpack" for every huge range; on 5.1, which overflows an int here, at most the box
-- expect: held
-- expect 5.1: held|stop fault|stop stack
-- versions: all

local unpack = table.unpack or unpack
local edges = { -2 ^ 63, -2 ^ 53, -2 ^ 31, -2 ^ 31 + 1, -8000, -1, 0, 1, 7999, 8000, 8001, 999999, 1000000, 2 ^ 24,
  2 ^ 31 - 1, 2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 62, math.maxinteger or 1, math.mininteger or 1 }
for _, from in ipairs(edges) do
  for _, to in ipairs(edges) do
    pcall(function() return select("#", unpack({ 1, 2, 3 }, from, to)) end)
    pcall(string.byte, "abc", from, to)
    pcall(string.sub, "abc", from, to)
    if to >= from and to - from < 10000 then pcall(table.concat, { "a", "b", "c" }, "", from, to) end
  end
end
print "HELD"
