-- class: escape
-- correct: there is no package.loadlib in a box
-- expect: held
-- versions: all

local ll = type(package) == "table" and package.loadlib
if not ll then print "HELD" return end
local hit
for _, so in ipairs { "libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", "libm.so.6" } do
  for _, sym in ipairs { "*", "system", "getpid", "floor" } do
    local ok, f = pcall(ll, so, sym)   -- the function is never called
    if ok and f then hit = so .. ":" .. sym end
  end
end
print(hit and "ESCAPED: package.loadlib linked " .. hit or "HELD")
