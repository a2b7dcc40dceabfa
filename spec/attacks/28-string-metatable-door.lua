-- class: escape
-- correct: the string metatable leads to the box's own string table
-- expect: held
-- versions: all
-- note: plain interpreters hold (same table); fails in a sandbox that gives a filtered copy as _G.string

local mt = getmetatable ""
local hidden = {}
if type(mt) == "table" and type(mt.__index) == "table" then
  for k, v in next, mt.__index do
    if type(v) == "function" and string[k] ~= v then hidden[#hidden + 1] = tostring(k) end
  end
end
for _, name in ipairs { "rep", "find", "gsub", "gmatch", "match", "format", "dump", "pack", "unpack" } do
  local ok, m = pcall(function() return (""):len() and (("")[name]) end)
  if ok and m ~= nil and m ~= string[name] then hidden[#hidden + 1] = "method " .. name end
end
table.sort(hidden)
print(#hidden > 0 and "ESCAPED: unfiltered string functions: " .. table.concat(hidden, " ") or "HELD")
