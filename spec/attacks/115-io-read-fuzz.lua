-- class: crash
-- correct: odd formats, counts and argument lists of handles are ordinary errors or results; a huge count takes no
--   memory past the limit
-- expect: held
-- versions: all

local unpack = table.unpack or unpack
local formats = { "*n", "*l", "*L", "*a", "n", "l", "L", "a", "*", "", "x", "*x", "**l", "num", "line", 0, 1, -1, 2 ^ 31 - 1, 2 ^ 31, 2 ^ 32, 2 ^ 53, -2 ^ 63,
  1e308, 0 / 0, 1 / 0, 3.5, "10", {}, false, print, ("l"):rep(100000) }
for _, f in ipairs(formats) do
  pcall(io.read, f)
  pcall(io.stdin.read, io.stdin, f)
  for _, g in ipairs(formats) do pcall(io.read, f, g) end
  local ok, iter = pcall(io.stdin.lines, io.stdin, f)
  if ok and type(iter) == "function" then pcall(iter) end
  pcall(io.stdin.seek, io.stdin, f)
  pcall(io.stdin.seek, io.stdin, "set", f)
  pcall(io.stdin.seek, io.stdin, "end", f)
  pcall(io.stderr.setvbuf, io.stderr, f)
  for _, mode in ipairs { "no", "full", "line" } do pcall(io.stderr.setvbuf, io.stderr, mode, f) end
end
local many = {}
for i = 1, 5000 do many[i] = i % 2 == 0 and "*l" or 1 end
for _, n in ipairs { 200, 249, 250, 251, 255, 256, 260, 1000, 5000 } do
  pcall(function() return io.read(unpack(many, 1, n)) end)
  local ok, iter = pcall(function() return io.stdin:lines(unpack(many, 1, n)) end)
  if ok and type(iter) == "function" then pcall(iter) end
  pcall(function() return io.lines(nil, unpack(many, 1, n)) end)
  pcall(function() io.stderr:write(unpack(many, 1, n)) end)
end
pcall(io.write, {}, print)
pcall(io.stderr.write, io.stderr, 1, 2.5, -0.0, 0 / 0, 2 ^ 63)
for _, f in ipairs { io.input, io.output, io.close, io.type, io.lines } do
  for _, a in ipairs(formats) do pcall(f, a) end
end
pcall(io.output, io.stdout)
io.stdout:write "\nHELD\n"
