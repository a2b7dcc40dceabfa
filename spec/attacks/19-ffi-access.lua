-- class: escape
-- correct: ffi is out of reach by every known path, also after an int64 literal, which makes the lexer load it
--   silently
-- expect: held
-- versions: jit
-- note: a 1LL literal makes the LuaJIT lexer open ffi and put it into package.loaded; an opened ffi that is collected crashes it

local found
local compile = loadstring or load
if compile then
  local ok, f = pcall(compile, "return 1LL + 1ULL")
  if ok and f then pcall(f) end
  -- what such numbers need must outlive a collection although ffi itself is out of reach
  collectgarbage()
  local _, text = pcall(compile "return tostring(1LL + 2ULL) .. tostring(pcall(rawget, 3LL, 'x'))")
  assert(text == "3ULLfalse", text)
end
local function check(m, how)
  if type(m) == "table" and type(rawget(m, "cdef")) == "function" then found = how end
end
check(rawget(_G, "ffi"), "_G.ffi")
if require then
  local ok, m = pcall(require, "ffi")
  if ok then check(m, "require") end
end
if type(package) == "table" then
  check(type(package.loaded) == "table" and package.loaded.ffi, "package.loaded")
  local pre = type(package.preload) == "table" and package.preload.ffi
  if pre then
    local ok, m = pcall(pre, "ffi")
    if ok then check(m, "package.preload") end
  end
end
if type(package) == "table" and type(package.loaded) == "table" then
  for k, v in pairs(package.loaded) do check(v, "package.loaded." .. tostring(k)) end
end
print(found and "ESCAPED: ffi by " .. found or "HELD")
