-- class: escape
-- correct: dofile and loadfile open no device and no /proc file
-- expect: held
-- versions: all

local hit
for name, fn in pairs { loadfile = loadfile, dofile = dofile } do
  local ok, a = pcall(fn, "/dev/null")
  if name == "loadfile" and ok and type(a) == "function" then hit = name end
  if name == "dofile" and ok then hit = name end
  local ok2, b, c = pcall(fn, "/proc/self/comm")
  local msg = (not ok2 and b) or c
  if type(msg) == "string" and (msg:find("expected", 1, true) or msg:find("near", 1, true)) then hit = name end
end
print(hit and "ESCAPED: " .. hit .. " opened a host file" or "HELD")
