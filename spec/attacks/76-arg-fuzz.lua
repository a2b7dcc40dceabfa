-- class: crash
-- correct: odd arguments give errors or results; a C loop that they make endless is stopped by the CPU limit
-- expect: held|stop cpu
-- versions: all
-- limits: cpu=0.2
-- boxes: 24
-- note: one function in 24 for each of 24 boxes, so that the first endless loop does not hide the rest

local skip = {}
for n in ([[exit execute popen remove rename tmpname tmpfile open output input close debug dofile loadfile
  require module sethook lines read yield setlocale setfenv print write getenv loadlib]]):gmatch "%a+" do skip[n] = true end
local odd = { false, 0, -1, 1, 3.7, 2 ^ 31 - 1, -2 ^ 31, 2 ^ 53, -2 ^ 63, 0 / 0, 1 / 0, "", "a", "%", "[", "%b", "%f", "(()", "\0",
  ("x"):rep(5000), {}, { 1, 2, 3 }, setmetatable({}, { __index = function() return 1 end, __len = function() return 1e9 end,
  __tostring = function() return {} end, __call = function() return nil end, __name = 5 }),
  print, function() error({}) end, coroutine.create(function() end) }
local number, count = ...
local function each(f)
  local all = {}
  for _, lib in ipairs { string, table, math, coroutine, utf8 or {}, bit32 or {}, rawget(_G, "bit") or {}, { tostring = tostring,
    tonumber = tonumber, rawset = rawset, rawget = rawget, rawequal = rawequal, rawlen = rawlen, select = select, next = next,
    ipairs = ipairs, pairs = pairs, setmetatable = setmetatable, getmetatable = getmetatable, load = load, error = error,
    loadstring = loadstring, xpcall = xpcall, type = type, getfenv = getfenv, assert = assert } } do
    for name, fn in pairs(lib) do
      if type(fn) == "function" and not skip[name] then all[#all + 1] = { name, fn } end
    end
  end
  -- pairs gives another order in another box
  table.sort(all, function(a, b) return a[1] < b[1] end)
  for i, item in ipairs(all) do
    if i % count == number - 1 then f(item[2]) end
  end
end
each(function(fn)
  pcall(fn)
  pcall(fn, nil)
  for _, a in ipairs(odd) do
    pcall(fn, a)
    for _, b in ipairs(odd) do
      pcall(fn, a, b)
      pcall(fn, a, b, a)
      pcall(fn, a, b, b, a)
    end
  end
end)
print "HELD"
