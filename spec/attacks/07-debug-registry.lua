-- class: escape
-- correct: debug has traceback only
-- expect: held
-- versions: all

local reg = type(debug) == "table" and debug.getregistry
if not reg then print "HELD" return end
local ok, r = pcall(reg)
if not ok or type(r) ~= "table" then print "HELD" return end
local n = 0
for k in pairs(r) do n = n + 1 end
print("ESCAPED: the registry is readable, " .. n .. " keys, _LOADED is " .. type(r._LOADED))
