-- class: escape
-- correct: a reader that gives bytecode in pieces is refused like the whole
-- expect: held
-- versions: all
-- note: a first-byte test on a string argument never sees these pieces

assert(load, "load is missing")
if not string.dump then print "HELD" return end
local ok, bin = pcall(string.dump, function() return 4242 end)
if not ok then print "HELD" return end
local function feeder(step)
  local at = 1
  return function()
    if at > #bin then return nil end
    local piece = bin:sub(at, at + step - 1)
    at = at + step
    return piece
  end
end
local won
for _, step in ipairs { 1, 2, 3, 7, 4096, 2 ^ 30 } do
  local ok2, f = pcall(load, feeder(step), "=pieces")
  if ok2 and type(f) == "function" then
    local ok3, v = pcall(f)
    if ok3 and v == 4242 then won = step end
  end
end
print(won and "ESCAPED: bytecode came in by a reader, step " .. won or "HELD")
