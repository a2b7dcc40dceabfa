-- class: host
-- correct: math.random is the box's own: it neither reads nor disturbs the generator of libc
-- expect: held
-- versions: 5.1,5.2,5.3
-- note: 5.1 to 5.3 use rand or random of libc; the values are glibc's for the seed 1

math.randomseed(1)
local a, b = math.random(), math.random()
local function near(x, y) return math.abs(x - y) < 1e-6 end
if near(a, 0.840187717) or near(a, 0.394382927) then
  print("ESCAPED: math.random is the libc generator (" .. a .. ", " .. b .. ")")
else
  print "HELD"
end
