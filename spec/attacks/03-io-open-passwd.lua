-- class: escape
-- correct: io.open is there, and without a grant it reaches no file: nil and a message
-- expect: held
-- versions: all
-- note: a missing io.open would be no less safe, but it is not what the manual promises: it counts as a failure here

assert(type(io.open) == "function", "io.open is missing")
local got
for _, path in ipairs { "/etc/passwd", "/etc/hostname", "/proc/self/status", "/proc/self/maps", "/proc/self/mem" } do
  local ok, fh, why = pcall(io.open, path, "r")
  if ok and fh then
    local _, line = pcall(fh.read, fh, 1)
    got = path .. (line and " (" .. tostring(line) .. ")" or "")
    pcall(fh.close, fh)
  elseif ok then
    assert(fh == nil and type(why) == "string", "io.open failed without nil and a message")
  end
end
print(got and "ESCAPED: io.open opened " .. got or "HELD")
