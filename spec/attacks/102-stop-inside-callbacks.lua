-- class: cpu
-- correct: wherever the VM or a library calls back into Lua, a stop in there ends the whole call; nobody between gets
--   a turn
-- expect: stop cpu
-- versions: all
-- limits: cpu=0.1
-- boxes: 20

local which = ...
local function spin()
  pcall(function() while true do end end)
  print "ESCAPED: the callback went on after the stop"
end
local function meta(event) return setmetatable({}, { [event] = spin }) end
local compile = loadstring or load
local ways = {
  function() table.sort({ 3, 2, 1 }, spin) end,
  function() string.gsub("abc", ".", spin) end,
  function() string.gsub("abc", ".", meta "__index") end,
  function() load(spin) end,
  function() tostring(meta "__tostring") end,
  function() print(meta "__tostring") end,
  function() return meta "__index".x end,
  function() meta "__newindex".x = 1 end,
  function() return meta "__call"() end,
  function() return meta "__concat" .. "x" end,
  function() return -meta "__unm" end,
  function() local mt = { __lt = spin } table.sort { setmetatable({}, mt), setmetatable({}, mt), setmetatable({}, mt) } end,
  function() local mt = { __eq = spin } return setmetatable({}, mt) == setmetatable({}, mt) end,
  function() for _ in spin do end end,
  function() for _ in coroutine.wrap(spin) do end end,
  function() xpcall(error, spin) end,
  function() xpcall(function() local x = nil + 1 end, function() error(spin()) end) end,
  function() return compile "local f = ... return select(2, pcall(pcall, pcall, f))" (spin) end,
  function()
    if type(package) == "table" and type(package.preload) == "table" then package.preload.spinning = spin require "spinning" end
    spin()
  end,
  function()
    -- 5.2 and later
    local t = setmetatable({}, { __len = spin, __pairs = spin })
    if #t == 0 then for _ in pairs(t) do end spin() end
  end,
}
assert(#ways == 20)
pcall(ways[which])
print "ESCAPED: pcall came back after the stop"
