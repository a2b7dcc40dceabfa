-- class: host
-- correct: odd formats and times give errors or results; the process' time zone and locale stay as they are
-- expect: held
-- versions: all

local times = { 0, 1, -1, 86400, 2 ^ 31 - 1, 2 ^ 31, -2 ^ 31, 2 ^ 53, -2 ^ 53, 2 ^ 62, -2 ^ 63, 1e18, 1e300, -1e300, 1 / 0, 0 / 0, 0.5 }
for _, time in ipairs(times) do
  for _, format in ipairs { "%c", "!%c", "*t", "!*t", "%x %X %p", "%Z %z", "" } do pcall(os.date, format, time) end
  pcall(os.difftime, time, -time)
  for _, field in ipairs { "year", "month", "day", "hour", "min", "sec", "isdst" } do
    local t = { year = 2000, month = 1, day = 1 }
    t[field] = time
    pcall(os.time, t)
    t[field] = tostring(time)
    pcall(os.time, t)
  end
end
for c = 0, 255 do
  local char = string.char(c)
  for _, prefix in ipairs { "%", "!%", "%E", "%O", "%_", "%-", "%^", "%10" } do
    pcall(os.date, prefix .. char, 0)
    pcall(os.date, prefix .. char .. "\0" .. prefix, 0)
  end
end
pcall(os.date, ("%c"):rep(200000), 0)
pcall(os.date, ("%Y"):rep(10) .. "%", 0)
pcall(os.date, ("x"):rep(5000000), 0)
pcall(os.time, setmetatable({}, { __index = function(_, k) return k == "isdst" and nil or 5 end }))
pcall(os.time, setmetatable({}, { __index = function() error {} end }))
pcall(os.time, {})
pcall(os.date, {})
assert(type(os.time()) == "number" and type(os.date()) == "string" and type(os.clock()) == "number")
print "HELD"
