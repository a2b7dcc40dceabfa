-- class: escape
-- correct: the compiler can be neither switched, tuned nor observed; a jit table with version, os and arch may be
--   there
-- expect: held
-- versions: jit

local j = rawget(_G, "jit")
if not j and require then
  local ok, m = pcall(require, "jit")
  if ok then j = m end
end
local bad = {}
if require then
  for _, name in ipairs { "jit.util", "jit.opt", "jit.profile", "jit.v", "jit.dump" } do
    if pcall(require, name) then bad[#bad + 1] = name end
  end
end
if type(j) ~= "table" then j = {} end
for _, k in ipairs { "on", "off", "flush", "attach", "util", "opt", "status", "profile", "security" } do
  if j[k] ~= nil then bad[#bad + 1] = k end
end
if j.on then pcall(j.on) end
print(#bad > 0 and "ESCAPED: jit." .. table.concat(bad, ", jit.") or "HELD")
