-- class: host
-- correct: what is no regular file is an error at once: it is not waited for, and nothing is sent to it
-- expect: held
-- versions: all
-- files: tree

for _, name in ipairs { "fifo", "pipe", "zero", "device", "dir", "dir/", ".", "swap", "/read/fifo", "/read", "/read/zero" } do
  for _, mode in ipairs { "r", "w", "a", "r+", "w+", "a+" } do
    local f, message, number = io.open(name, mode)
    if f then print("ESCAPED: opened " .. name) end
    if type(message) ~= "string" or type(number) ~= "number" then print("ESCAPED: no message for " .. name) end
  end
  for what, fn in pairs { lines = io.lines, input = io.input, output = io.output, dofile = dofile } do
    if pcall(fn, name) then print("ESCAPED: " .. what .. " took " .. name) end
  end
  if loadfile(name) then print("ESCAPED: loadfile took " .. name) end
end
print "HELD"
