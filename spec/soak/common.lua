-- What the soaks share. Each is a script of its own, run in its own process: `lua spec/soak/<name>.lua [size] [seed]`. It ends with
-- soak.done(), whose last line is "ok: …"; anything else is a failure.
local soak = {}

soak.dir = arg[0]:match("^(.*/)") or "./"
soak.is_jit = rawget(_G, "jit") ~= nil
soak.lua = soak.is_jit and "jit" or _VERSION:match("%d%.%d")
soak.version = tonumber((_VERSION:gsub("%D", "")))
package.cpath = package.cpath .. ";build/" .. soak.lua .. "/?.so"
soak.sandbox = require "sandbox"
soak.unpack = rawget(table, "unpack") or rawget(_G, "unpack")
soak.loadstring = rawget(_G, "loadstring") or load

local lfs = require "lfs"
local began = os.time()

--- Size of the soak: how many turns, boxes, operations; `default` is that of the long form.
function soak.size(default)
  return math.floor(tonumber(arg[1]) or default)
end

-- Random numbers --------------------------------------------------------------------------------------------------

local MODULUS = 2147483647
local state = 1

--- The seed of this run, printed by soak.done() and by every failure.
soak.seed = math.floor(tonumber(arg[2]) or tonumber(os.getenv("SEED")) or os.time() % 1000000)

--- Starts the sequence that belongs to `n`: what is drawn for one operation doesn't hang on what those before it drew.
function soak.reseed(n)
  state = (soak.seed * 7919 + n * 104729) % (MODULUS - 1) + 1
  for _ = 1, 3 do state = state * 48271 % MODULUS end
end
soak.reseed(0)

--- A whole number from 1 to `n`. Lehmer's generator: the same sequence on every Lua, and the process' own is left alone.
function soak.random(n)
  state = state * 48271 % MODULUS
  return math.floor(state / MODULUS * n) + 1
end

function soak.one_in(n) return soak.random(n) == 1 end
function soak.pick(list) return list[soak.random(#list)] end

-- This process ----------------------------------------------------------------------------------------------------

local function lines_of(path)
  local n = 0
  local file = io.open(path)
  if not file then return 0 end
  for _ in file:lines() do n = n + 1 end
  file:close()
  return n
end

local function entries(path)
  local n = 0
  for _ in lfs.dir(path) do n = n + 1 end
  return n - 2 -- without "." and ".."
end

--- What this process holds: resident KB, mappings, open files, threads, POSIX timers.
function soak.figures()
  for _ = 1, 3 do collectgarbage() end
  local file = assert(io.open("/proc/self/status"))
  local status = file:read("*a")
  file:close()
  return {
    resident = tonumber(status:match("VmRSS:%s*(%d+)")),
    mappings = lines_of("/proc/self/maps"),
    files = entries("/proc/self/fd"),
    threads = entries("/proc/self/task"),
    timers = lines_of("/proc/self/timers"),
    heap = math.floor(collectgarbage("count")),
  }
end

function soak.shown(figures)
  return ("%d KB resident (host's heap %d KB), %d mappings, %d files, %d threads, %d timer lines"):format(figures.resident,
    figures.heap, figures.mappings, figures.files, figures.threads, figures.timers)
end

--- Asserts that `now` holds no more than `before`: files, threads and timers to the piece, memory within `kilobytes`, mappings
-- within `mappings`.
function soak.assert_flat(before, now, kilobytes, mappings)
  local both = soak.shown(before) .. "\n  then " .. soak.shown(now)
  for _, name in ipairs { "files", "threads", "timers" } do
    assert(now[name] <= before[name], name .. " leak: " .. both)
  end
  assert(now.resident - before.resident <= kilobytes, "resident memory grows: " .. both)
  assert(now.mappings - before.mappings <= mappings, "mappings grow: " .. both)
end

-- What is said ----------------------------------------------------------------------------------------------------

function soak.say(format, ...)
  io.stdout:write("  ", format:format(...), "\n")
  io.stdout:flush()
end

--- Ends the process as failed, saying how to run it again.
function soak.fail(what)
  io.stdout:write(("FAILED: %s\n  again: SEED=%d %s %s %s\n"):format(tostring(what), soak.seed, arg[-1] or "lua", arg[0], arg[1] or ""))
  io.stdout:flush()
  os.exit(1)
end

--- Runs the soak; an error ends it as failed.
function soak.run(main)
  local ok, message = xpcall(main, function(m) return debug.traceback(tostring(m), 2) end)
  if not ok then soak.fail(message) end
end

function soak.done(format, ...)
  io.stdout:write(("ok: %s; %d s, seed %d, Lua %s\n"):format(format:format(...), os.time() - began, soak.seed, soak.lua))
  io.stdout:flush()
end

return soak
