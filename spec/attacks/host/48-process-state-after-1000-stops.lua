-- 1,000 stops of every kind: hooks, metatables, locale, signals, timers, libc rand, globals and the collector are as before.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local posix = host.module("host_posix")

-- the first stops may start what stays: a watchdog, an alternate stack
local function stop(options, code, pattern)
  local box = sandbox.new(options)
  if options.output then box:stdout(sandbox.newstream(nil, function() end)) end
  local ok, message = pcall(box.dostring, box, code)
  assert(not ok and type(message) == "string" and message:find(pattern), tostring(message))
  box:close()
end
local kinds = {
  { 290, { cpu = 0.002 }, "while true do end", "cpu limit" },
  { 50, { cpu = 0.002 }, "local s = ('a'):rep(30) return s:find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')", "cpu limit" },
  { 150, { wall = 0.002 }, "while true do pcall(error) end", "wall limit" },
  { 250, { memory = 2 ^ 20 }, "local t = {} while true do t[#t + 1] = {} end", "not enough memory" },
  { 250, { output = 10 }, "while true do io.write('xxxxxxxxxxx') io.stdout:flush() end", "output limit" },
  -- Lua's stack takes 92 MB before it overflows
  { 10, { cpu = 10, memory = 2 ^ 27 }, "local function f() return 1 + f() end return f()", "stack overflow" },
}
local function stops(share)
  for _, kind in ipairs(kinds) do
    for _ = 1, kind[1] * share do stop(kind[2], kind[3], kind[4]) end
  end
end
stops(0.1)

local function keys(t)
  local names = {}
  for k in pairs(t) do names[#names + 1] = tostring(k) end
  table.sort(names)
  return table.concat(names, " ")
end

-- libc's and Lua's own random sequences, from a fixed seed
local function random_sequences()
  local sequence = {}
  for i = 1, 20 do
    sequence[i] = posix.rand()
    sequence[20 + i] = math.random(2 ^ 30)
  end
  return table.concat(sequence, " ")
end
local function seeded()
  math.randomseed(42)
  posix.srand(42)
end
seeded()
local want = random_sequences()

assert(os.setlocale("C"))
posix.count("ALRM")
posix.count("USR1")
local handler = function() end
debug.sethook(handler, "", 1000000)
local pause, step = collectgarbage("setpause", 160), collectgarbage("setstepmul", 300)
-- whether the collector is on, where the version can tell
local function collecting()
  local ok, on = pcall(collectgarbage, "isrunning")
  return not ok and "cannot tell" or on
end
local function snapshot()
  local hook, mask, count = debug.gethook()
  return {
    hook = hook, mask = mask, count = count,
    strings = getmetatable(""), string_index = getmetatable("").__index, string_keys = keys(string),
    locale = os.setlocale(), handlers = posix.handlers(), blocked = posix.mask(),
    globals = keys(_G), loaded = keys(package.loaded), preload = keys(package.preload), registry_io = io.stdout,
    tz = os.date("%Z"), environment = os.getenv("PATH"), output = io.output(), input = io.input(),
    running = collecting(),
    path = package.path, cpath = package.cpath, fds = host.fds(), threads = host.threads(),
  }
end
for _ = 1, 4 do collectgarbage() end
local rss, maps = host.rss(), host.maps()
local before = snapshot()
seeded()

-- timers of the host go on ticking all the while
posix.interval(0.01)
stops(1)
posix.interval(0)

host.equal(random_sequences(), want, "random sequences")
local after = snapshot()
for name, value in pairs(before) do host.equal(after[name], value, name) end
for name in pairs(after) do assert(before[name] ~= nil or after[name] == nil, name) end
host.equal(collectgarbage("setpause", pause), 160, "the collector's pause")
assert(collectgarbage("setstepmul", step) >= 200, "the collector's step multiplier")
assert(posix.counted("ALRM") >= 10, "SIGALRM of the host came " .. posix.counted("ALRM") .. " times")
posix.send("USR1")
host.equal(posix.counted("USR1"), 1, "the host's handler")
debug.sethook()
for _ = 1, 4 do collectgarbage() end
assert(host.rss() - rss < 24 * 1024, "resident memory grew by " .. host.rss() - rss .. " KB")
assert(host.maps() - maps < 60, "mappings grew by " .. host.maps() - maps)
host.equal(tostring(1.5), "1.5", "the decimal point")

host.done()
