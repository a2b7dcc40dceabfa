-- class: leak
-- correct: loadfile and dofile reach no host file, so no content of one shows up in a syntax error
-- expect: held
-- versions: all

local seen
for _, fn in ipairs { loadfile or false, dofile or false } do
  if fn then
    for _, path in ipairs { "/etc/passwd", "/etc/hosts", "/proc/version" } do
      local ok, a, b = pcall(fn, path)
      local msg = (not ok and a) or b
      if type(msg) == "string" and msg:find("near", 1, true) then seen = msg end
    end
  end
end
print(seen and "ESCAPED: parser quoted a host file: " .. seen or "HELD")
