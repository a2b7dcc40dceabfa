-- class: escape
-- correct: text is the only mode, whatever the mode argument of load or loadfile says
-- expect: held
-- versions: 5.2,5.3,5.4,jit

if not string.dump then print "HELD" return end
local ok, bin = pcall(string.dump, function() return 7 end)
if not ok then print "HELD" return end
local won
for _, mode in ipairs { "b", "bt", "tb", "xb", "t\0b", "b\0" } do
  local ok2, f = pcall(load, bin, "=m", mode)
  if ok2 and type(f) == "function" then won = mode end
end
local ok2, f = pcall(load, bin, "=m", nil, {})
if ok2 and type(f) == "function" then won = "nil + env" end
print(won and "ESCAPED: binary chunk loaded with mode " .. won:gsub("%z", "0") or "HELD")
