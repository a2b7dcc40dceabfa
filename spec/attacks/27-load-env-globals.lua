-- class: escape
-- correct: code compiled at run time sees the very functions that the script sees, and no others
-- expect: held
-- versions: all
-- note: io.open and os.exit are there by the manual, so it is their identity that is compared

local compile = loadstring or load
local probe = [[
  local mine, hits = ..., {}
  for lib, functions in pairs(mine) do
    local t = _G[lib]
    for name in pairs(t) do
      if functions[name] ~= t[name] then hits[#hits + 1] = lib .. "." .. tostring(name) end
    end
  end
  for _, lib in ipairs { "ffi", "jit.util", "sandbox" } do
    if _G[lib] ~= nil then hits[#hits + 1] = lib end
  end
  for _, pair in ipairs { { "os", "execute" }, { "io", "popen" }, { "debug", "sethook" }, { "debug", "getregistry" } } do
    if _G[pair[1] ][pair[2] ] ~= nil then hits[#hits + 1] = pair[1] .. "." .. pair[2] end
  end
  if package and package.loadlib then hits[#hits + 1] = "package.loadlib" end
  return table.concat(hits, " ")
]]
local mine = {}
for _, lib in ipairs { "os", "io", "debug", "string", "table", "math", "coroutine" } do
  mine[lib] = {}
  for name, v in pairs(_G[lib]) do mine[lib][name] = v end
end
local f = assert(compile(probe))
local res = { f(mine), (coroutine.wrap(f)(mine)) }
string.gsub("x", "x", function() res[3] = f(mine) end)
if setfenv then res[#res + 1] = setfenv(compile(probe), getfenv(0))(mine) end
local at = 0
local pieces = load(function() at = at + 1 return probe:sub(at, at) end)
res[#res + 1] = pieces(mine)
local all = table.concat(res, "|")
print(all:find "%a" and "ESCAPED: fresh chunk sees " .. all or "HELD")
