-- class: crash
-- correct: errors while errors are handled end in an error, never in a crash or a hang
-- expect: held
-- versions: all
-- note: plain interpreters hold; a library that formats the error object or calls __tostring itself can fail

local function again(e) error(e) end
xpcall(error, again)
xpcall(error, error)
xpcall(error, function() local function f() return f() + 1 end return f() end)
local depth = 0
local function nested(e) depth = depth + 1 return select(2, xpcall(error, nested)) end
xpcall(error, nested)
local evil = setmetatable({}, { __tostring = function(s) error(s) end, __index = function(t, k) error(t) end,
  __concat = function(a, b) error(a) end, __eq = function(a, b) error(a) end, __name = {} })
pcall(error, evil)
pcall(tostring, evil)
pcall(function() return evil .. "x" end)
pcall(function() return evil.field.field end)
pcall(string.format, "%s", evil)
pcall(assert, false, evil)
pcall(error, nil)
pcall(error)
pcall(error, print, 2 ^ 31 - 1)
pcall(error, "lvl", -2 ^ 31)
if debug and debug.traceback then
  pcall(debug.traceback, evil)
  pcall(debug.traceback, "x", 2 ^ 31 - 1)
  pcall(debug.traceback, "x", -5)
  pcall(debug.traceback, coroutine.create(function() error "x" end), ("m"):rep(100000), 0)
end
print "HELD"
