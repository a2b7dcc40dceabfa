-- class: leak
-- correct: no name and no mode reaches a file, makes one, or tells an existing one from a missing one
-- expect: held
-- versions: all
-- note: checks.lua looks whether the file has been made

local bad = {}
local there = { "/etc/passwd", "/etc", "/dev/null", "/dev/zero", "/proc/self/mem", "/proc/self/exe", "/tmp", "/", ".", "..", "spec", "README.md",
  "Cargo.toml", "../../etc/passwd", "//etc//passwd", "/etc/./passwd", "/dev/fd/0", "/dev/stdin", "/etc/passwd\0.lua", "|id", "file:///etc/passwd" }
local function message(name, mode)
  local ok, fh, why, errno = pcall(io.open, name, mode)
  if ok and fh then
    pcall(fh.close, fh)
    bad[#bad + 1] = "io.open " .. name .. " " .. tostring(mode)
  end
  local text = tostring(ok and why or fh)
  local at = text:find(name, 1, true)
  -- the name itself may stand in the message, up to a NUL
  if at then text = text:sub(1, at - 1) .. text:sub(at + #name) end
  local plain = name:match "^[^%z]*"
  at = text:find(plain, 1, true)
  if at then text = text:sub(1, at - 1) .. text:sub(at + #plain) end
  return text .. ":" .. tostring(ok and errno)
end
for _, mode in ipairs { "r", "rb", "w", "a", "r+", "w+", "a+", "wb" } do
  local missing = message("/missing-directory/missing-file", mode)
  for _, name in ipairs(there) do
    if not name:find "%z" and message(name, mode) ~= missing then bad[#bad + 1] = "a message for " .. name .. " of its own" end
    message(name, mode)
  end
  message("/tmp/safelua-attack-114", mode)
end
for _, name in ipairs(there) do
  for what, fn in pairs { lines = io.lines, input = io.input, output = io.output, loadfile = loadfile, dofile = dofile } do
    local ok, result = pcall(fn, name)
    if ok and result then bad[#bad + 1] = what .. " " .. name end
  end
end
pcall(io.open, ("x"):rep(5000000))
pcall(io.open, "")
pcall(io.open, "x", ("r"):rep(1000000))
pcall(loadfile, ("x"):rep(5000000))
local text = table.concat(bad, "; "):gsub("%z", "0")
print(#bad > 0 and "ESCAPED: " .. text:sub(1, 300) or "HELD")
