-- class: crash
-- correct: any operation on files with any arguments works or is an ordinary error
-- expect: held|memory
-- versions: all
-- limits: output=10000000
-- files: tree

local seed = 42
local function random(n)
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end
local values = { 0, 1, -1, 7, 4096, 65537, 2 ^ 31, -2 ^ 31, 2 ^ 53, -2 ^ 53, 2 ^ 62, -2 ^ 63, 1e308, 0 / 0, 1.5, "set", "cur", "end", "*l", "*n", "*a", "no", "full",
  "", "\0", ("x"):rep(10000), true, {}, print, "inside 0x1p4 nan" }
local methods = { "read", "write", "seek", "setvbuf", "flush", "lines", "close" }
local modes = { "r", "w", "a", "r+", "w+", "a+", "rb", "w+b" }
local open = {}
for round = 1, 20000 do
  local slot = random(8)
  local f = open[slot]
  if not f or random(40) == 1 then
    open[slot] = io.open("file" .. random(4), modes[random(#modes)])
  else
    local method = methods[random(#methods)]
    local a, b = values[random(#values)], values[random(#values)]
    local ok, result = pcall(f[method], f, a, b)
    if ok and method == "lines" and type(result) == "function" then pcall(result) end
    if method == "seek" then pcall(f.seek, f, "set", random(100000)) end
  end
  if round % 500 == 0 then open = {} collectgarbage() end
end
print "HELD"
