-- One attack in a host process of its own; run.lua starts it: `lua5.4 child.lua <attack> <word>`. Prints `<word> passed|failed <why>`.
local dir = arg[0]:match("^(.*/)") or "./"
local name, word = arg[1], arg[2]

local header = dofile(dir .. "header.lua")
local invariants = dofile(dir .. "invariants.lua")
local checks = dofile(dir .. "checks.lua")
local tree = dofile(dir .. "tree.lua")
local sandbox = require "sandbox"

local MB = 2 ^ 20
-- Seconds that a loaded machine may take on top: of CPU time, and of real time, which others use, too.
local GRACE, REAL_GRACE = 2, 10
local version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")
local path = dir .. name .. ".lua"
local read = header.read(path)
local expected = header.expected(read, version)

local failures, outcomes, worst = {}, {}, nil
local function fail(text)
  if #failures < 5 then failures[#failures + 1] = text:sub(1, 400):gsub("[^\32-\126]", "?") end
end
local function check(condition, text)
  if not condition then fail(text) end
  return condition
end

local function pack(...) return { n = select("#", ...), ... } end

local function uptime()
  local f = assert(io.open("/proc/uptime"))
  local seconds = f:read("*n")
  f:close()
  return seconds
end

local function peak_kb()
  local f = assert(io.open("/proc/self/status"))
  local text = f:read("*a")
  f:close()
  return tonumber(text:match("VmHWM:%s*(%d+)"))
end

local function only_stops(list)
  for _, outcome in ipairs(list) do
    if not outcome:find("^stop ") then return false end
  end
  return true
end

local limits = { memory = 64 * MB, cpu = only_stops(expected) and 0.5 or 1, wall = 30 }
for limit, value in pairs(read.limits) do limits[limit] = value end

-- What the box writes: whole lines are looked at and forgotten, so that a flood costs the host nothing.
local function capture()
  local seen = { held = false, bytes = 0, tail = "" }
  function seen.take(s)
    seen.bytes = seen.bytes + #s
    s = seen.tail .. s
    local at = s:find("ESCAPED", 1, true)
    if at and not seen.escaped then seen.escaped = s:sub(at, at + 300):match("[^\n]*") end
    if ("\n" .. s):find("\nHELD\n", 1, true) then seen.held = true end
    seen.tail = #s > 64 and s:sub(-64) or s
  end
  seen.stream = sandbox.newstream(nil, seen.take)
  return seen
end

-- A call by the host that must come back in time, whatever the box holds.
local function bounded(what, seconds, fn, ...)
  local began = uptime()
  local results = pack(pcall(fn, ...))
  local took = uptime() - began
  check(took <= seconds + REAL_GRACE, ("%s took %.1f s"):format(what, took))
  return results
end

local function attempt(box, ...)
  local cpu = os.clock()
  local results = bounded("dofile", limits.wall, box.dofile, box, path, ...)
  cpu = os.clock() - cpu
  check(cpu <= limits.cpu + GRACE, ("dofile took %.2f s of CPU time"):format(cpu))
  return results
end

local function limit_message(kind, message)
  if not check(type(message) == "string", "a stop raised a " .. type(message)) then return end
  if kind ~= "stack" and kind ~= "fault" then
    check(message:find(kind .. " limit of ", 1, true), "a stop by " .. kind .. " raised: " .. message)
  end
end

-- What came of the call, in the words of the header.
local function outcome_of(box, results, seen)
  local status, kind = box:status()
  local usage = box:usage()
  local ok, message = results[1], results[2]
  if status == "exhausted" or status == "killed" then
    check(header.kinds[kind], status .. " by " .. tostring(kind))
    if check(not ok, "the call returned, and the box is " .. status) then limit_message(kind, message) end
    if kind == "cpu" then worst = math.max(worst or 0, (usage.cpu - limits.cpu) * 1000) end
    return "stop " .. tostring(kind)
  end
  check(status == "ready" and kind == nil, "status is " .. tostring(status) .. " " .. tostring(kind))
  if ok and usage.exit ~= nil then
    check(results.n == 1, "os.exit, and the call returned something")
    return ("exit %d"):format(usage.exit)
  elseif ok then
    return seen.held and "held" or "returned"
  elseif type(message) == "string" and message:find("not enough memory", 1, true) then
    return "memory"
  end
  return "raises " .. type(message)
end

local function matches(list, outcome, message)
  for _, wanted in ipairs(list) do
    if wanted == outcome then return true end
    local text = wanted:match("^error (.+)$")
    if text and outcome == "raises string" and message:find(text, 1, true) then return true end
  end
  return false
end

local function judge(box, results, seen, list)
  if not check(pcall(seen.stream.flush, seen.stream), "the box's stdout cannot be flushed") then return end
  local outcome = outcome_of(box, results, seen)
  outcomes[#outcomes + 1] = outcome
  if not matches(list, outcome, results[2]) then
    fail(("%s, not %s: %s"):format(outcome, table.concat(list, " or "), tostring(results[2])))
  end
  check(not seen.escaped, tostring(seen.escaped))
  if limits.output then check(seen.bytes <= limits.output, seen.bytes .. " bytes of output came") end
  return outcome
end

local function sums(results) return results[1] and results[2] == 2 end

-- The box after the call: a ready one works, an exhausted one after new limits, a killed one never again.
local function afterwards(box)
  local status, kind = box:status()
  local sum = bounded("dostring", limits.wall, box.dostring, box, "return 1 + 1")
  -- What has come to its end just before a limit passes it now.
  if status == "ready" and not sum[1] and box:status() == "exhausted" then status, kind = box:status() end
  if status == "ready" then
    local brim = read.class == "memory" and tostring(sum[2]):find("not enough memory", 1, true)
    check(sums(sum) or brim, "the box no longer works: " .. tostring(sum[2]))
    return
  end
  check(not sum[1], "a box that is " .. status .. " ran on without new limits")
  local again, why = box:status()
  check(again == status and why == kind, "a call turned " .. status .. " into " .. tostring(again) .. " " .. tostring(why))
  local renewed = pcall(box.limits, box, { cpu = 1, wall = 30, instructions = limits.instructions, output = limits.output })
  -- told to the box, whose finalizers may run again from here on
  if read.class ~= "host" then pcall(box.set, box, "renewed", true) end
  sum = bounded("dostring", 30, box.dostring, box, "return 1 + 1")
  if status == "exhausted" then
    check(renewed, "no new limits for an exhausted box")
    local brim = tostring(sum[2]):find("not enough memory", 1, true)
    check(sums(sum) or brim, "an exhausted box does not run again: " .. tostring(sum[2]))
  else
    check(not sum[1] and box:status() == "killed", "a killed box has come to life again")
  end
end

local function account(box)
  local usage = box:usage()
  for _, field in ipairs { "memory", "memory_peak", "cpu", "wall" } do
    check(type(usage[field]) == "number", "usage()." .. field .. " is a " .. type(usage[field]))
  end
  check(usage.memory_peak <= limits.memory, "the peak of memory is " .. tostring(usage.memory_peak))
  check(usage.cpu <= limits.cpu + GRACE, "usage().cpu is " .. tostring(usage.cpu))
  if limits.instructions then
    check(usage.instructions <= limits.instructions, "usage().instructions is " .. tostring(usage.instructions))
  end
  local trace = bounded("traceback", 0, box.traceback, box)
  check(trace[1] and (trace[2] == nil or type(trace[2]) == "string"), "traceback gave " .. tostring(trace[2]))
end

-- What this process has open in a directory.
local function open_below(base)
  local pid = assert(io.open("/proc/self/stat")):read("*n")
  local pipe = assert(io.popen(("ls -l /proc/%d/fd 2>/dev/null"):format(pid)))
  local found
  for line in pipe:lines() do found = line:find(" -> " .. base, 1, true) and line or found end
  pipe:close()
  return found
end

local function attack(number, count)
  local seen = capture()
  local base = read.files and tree.make(read.racing)
  -- as an option a table, what is granted; of `box:limits` a number
  limits.files = base and { ["/"] = { path = base .. "/in", write = true }, ["/read"] = base .. "/in" } or nil
  local box = sandbox.new(limits)
  limits.files = nil
  box:stdin(nil)
  box:stdout(seen.stream)
  box:stderr(seen.stream)
  local results = attempt(box, number, count)
  local outcome = judge(box, results, seen, expected)
  account(box)
  if outcome and checks[name] then checks[name](box, results, { fail = fail, check = check, bounded = bounded }) end
  afterwards(box)
  if read.again and box:status() == "ready" then
    seen.held = false
    judge(box, attempt(box, "again"), seen, read.again)
  end
  check(bounded("a fresh box", 1, sandbox.run, "return 1 + 1")[2] == 2, "a fresh box does not work")
  bounded("close", 0, box.close, box)
  check(box:status() == "closed", "the box is not closed")
  check(pcall(box.close, box), "the box cannot be closed twice")
  if base then
    tree.check(base, check)
    check(not open_below(base), "a file is open after the close: " .. tostring(open_below(base)))
    tree.remove(base)
  end
  return seen
end

-- after the handle is garbage too: nothing of the box may run any more
local function silence(seen)
  local escaped = seen.escaped
  collectgarbage()
  collectgarbage()
  pcall(seen.stream.close, seen.stream)
  check(not seen.escaped or escaped, "at the close: " .. tostring(seen.escaped))
end

local function all()
  -- The first stream puts a `lines` of its own into the host's methods: the host's doing, not the attack's.
  sandbox.newstream():close()
  local noted = invariants.take()
  for number = 1, read.boxes do silence(attack(number, read.boxes)) end
  check(bounded("a fresh box", 1, sandbox.run, "return 1 + 1")[2] == 2, "a fresh box does not work at the end")
  invariants.compare(noted, fail)
  local resident = peak_kb() / 1024
  -- The heap's pages may come to twice the limit before what is free in between is given back; the rest is the host's own.
  check(resident < 2 * limits.memory / MB + 40, ("the process came to %.0f MB"):format(resident))
  return resident
end

local began = uptime()
local ok, resident = xpcall(all, debug.traceback)
if not ok then fail(tostring(resident)) end

-- each outcome once, with how often
local counted, list = {}, {}
for _, outcome in ipairs(outcomes) do
  if not counted[outcome] then list[#list + 1] = outcome end
  counted[outcome] = (counted[outcome] or 0) + 1
end
for i, outcome in ipairs(list) do
  if counted[outcome] > 1 then list[i] = outcome .. " (" .. counted[outcome] .. " times)" end
end

local text
if #failures > 0 then
  text = "failed " .. table.concat(failures, "; ")
else
  text = ("passed %s, %.2f s, %.0f MB"):format(table.concat(list, ", "), uptime() - began, resident)
  if worst then text = text .. (", %.0f ms over"):format(worst) end
end
io.stdout:write("\n", word, " ", text, "\n")
io.stdout:flush()
os.exit(#failures == 0 and 0 or 1)
