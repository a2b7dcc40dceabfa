-- class: leak
-- correct: os.getenv and io.getenv see what the host gave, here nothing; the process' own environment never shows
--   through
-- expect: held
-- versions: all

local seen = {}
for where, get in pairs { os = os.getenv, io = io.getenv or os.getenv } do
  for _, k in ipairs { "PATH", "HOME", "PWD", "USER", "SHELL", "LANG", "HOSTNAME", "TERM", "LOGNAME", "SHLVL", "_",
      "LUA_CPATH", "LUA_PATH", "LUA_INIT" } do
    local ok, v = pcall(get, k)
    if ok and v then seen[#seen + 1] = where .. ":" .. k end
  end
end
assert(os.getenv("PATH") == nil, "os.getenv gives no nil")
print(#seen > 0 and "ESCAPED: process environment readable: " .. table.concat(seen, " ") or "HELD")
