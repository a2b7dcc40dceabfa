-- class: escape
-- correct: names with dots, links, zero bytes and great lengths reach what was granted and nothing else
-- expect: held
-- versions: all
-- files: tree

local parts = { "up", "parent/secret", "root/etc/passwd", "absolute", "loop", "proc/etc/passwd", "fds/0", "crooked", "chain", "zero", "passwd",
  "parent/out/file", "parent/in/file", "dir/../../secret", "good/../../secret", "..", "../secret", "parent/parent/etc/passwd", "fds/3/secret",
  "device", "/proc/self/root/etc/passwd", "/proc/self/cwd", "/dev/zero", "/etc/passwd", "file/", "file/.", "dir", "root", "", ".", "/" }
local function look(name)
  for _, mode in ipairs { "r", "r+", "a+" } do
    local f, message, number = io.open(name, mode)
    if f then
      local text = f:read("*a")
      if text:find("secret", 1, true) or text:find("root:x:", 1, true) then print("ESCAPED: " .. name) end
      f:close()
    elseif type(message) ~= "string" or type(number) ~= "number" then
      print("ESCAPED: no message for " .. name)
    end
  end
  for what, fn in pairs { loadfile = loadfile, dofile = dofile, lines = io.lines, input = io.input } do
    local ok, a, b = pcall(fn, name)
    local said = tostring(ok and b or a)
    if said:find("top secret", 1, true) or said:find("root:x:", 1, true) then print("ESCAPED: by " .. what .. " " .. name) end
  end
end
for _, part in ipairs(parts) do
  for _, before in ipairs { "", "/", "/read/", "dir/../", "./", "../", "/../../", "dir/deeper/../../", ("../"):rep(300), ("dir/../"):rep(300) } do
    look(before .. part)
  end
end
for _, name in ipairs { "\0", "file\0", "up\0x", "\0/../secret", ("x"):rep(5000), ("x/"):rep(2048) .. "y", ("../"):rep(200000), ("/"):rep(1000000),
  ("parent/in/"):rep(100) .. "../secret" } do
  look(name)
end
-- What is granted is there.
assert(io.open("good"):read("*a"):find("inside"))
assert(dofile("text.lua") == "inside")
print "HELD"
