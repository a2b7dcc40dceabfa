-- class: escape
-- correct: no environment of a stack level or of a library function holds more than the box's globals
-- expect: held
-- versions: 5.1,jit

if not getfenv then print "HELD" return end
local bad
local function look(env, where)
  if type(env) ~= "table" then return end
  local function has(lib, fn)
    local t = rawget(env, lib)
    return type(t) == "table" and type(rawget(t, fn)) == "function"
  end
  if has("os", "execute") or has("io", "popen") or has("debug", "sethook") or has("package", "loadlib")
     or rawget(env, "__gc") or rawget(env, "__close") then
    bad = where
  end
end
for level = 0, 40 do
  local ok, env = pcall(getfenv, level)
  if ok then look(env, "level " .. level) end
end
for name, v in pairs(_G) do
  if type(v) == "function" then
    local ok, env = pcall(getfenv, v)
    if ok then look(env, "function " .. name) end
  elseif type(v) == "table" and v ~= _G then
    for k, f in pairs(v) do
      if type(f) == "function" then
        local ok, env = pcall(getfenv, f)
        if ok then look(env, name .. "." .. tostring(k)) end
      end
    end
  end
end
print(bad and "ESCAPED: foreign environment at " .. bad or "HELD")
