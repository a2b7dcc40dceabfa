-- What the cases of the careless host share. Each case is a script run in a process of its own by run.lua;
-- it ends with host.done(), which also makes and uses another box, or with host.pending(reason).
local host = {}

host.dir = arg[0]:match("^(.*/)") or "./"
host.version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")
host.sandbox = require "sandbox"
host.loadstring = rawget(_G, "loadstring") or load
host.unpack = table.unpack or rawget(_G, "unpack")

-- the interpreter that runs this script: arg's lowest index
local lowest = 0
while arg[lowest - 1] do lowest = lowest - 1 end
host.interpreter = arg[lowest]

local temporary = {}

function host.another()
  local sandbox = host.sandbox
  local box = sandbox.new { memory = 8 * 2 ^ 20, cpu = 5 }
  box:set("twice", function(n) return 2 * n end)
  assert(box:dostring("local s = ('ab'):rep(3) return #s + twice(...)", 4) == 14, "another box does not work")
  assert(box:status() == "ready", "another box is not ready")
  box:close()
  assert(box:status() == "closed", "another box does not close")
  assert(sandbox.run("return 1 + 1") == 2, "sandbox.run does not work")
  assert(("x"):upper() == "X", "the host's string methods are gone")
end

local function clean()
  for i = #temporary, 1, -1 do os.remove(table.remove(temporary, i)) end
end

-- a case that fails leaves no files behind, either
local newproxy = rawget(_G, "newproxy")
if newproxy then
  host.guard = newproxy(true)
  getmetatable(host.guard).__gc = clean
else
  host.guard = setmetatable({}, { __gc = clean })
end

function host.done()
  host.another()
  clean()
  print("ok")
  io.stdout:flush()
end

function host.pending(reason)
  clean()
  print("pending: " .. reason)
  io.stdout:flush()
  os.exit(0)
end

-- one thing asserted: a plain string is raised, and it matches
function host.raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error where one was due: " .. pattern)
  assert(type(message) == "string", "an error that is a " .. type(message) .. ", not a string: " .. pattern)
  assert(message:find(pattern), ("error %q does not match %q"):format(message:sub(1, 300), pattern))
  return message
end

function host.equal(got, want, what)
  if got ~= want then
    error(("%s: got %s, want %s"):format(what or "value", tostring(got), tostring(want)), 2)
  end
end

-- A stopped box: soft stops leave it exhausted, hard ones kill it; both say which limit.
function host.stopped(box, kind)
  local status, why = box:status()
  assert(status == "exhausted" or status == "killed", "status is " .. tostring(status))
  assert(why == kind, "kind is " .. tostring(why) .. ", not " .. kind)
  return status
end

function host.within(seconds, fn, ...)
  local began = os.time()
  local results = { n = 0 }
  local function keep(...) results = { n = select("#", ...), ... } end
  keep(fn(...))
  local took = os.time() - began
  -- Where ten others want the processor, all takes ten times as long; what hangs takes for ever.
  assert(took <= seconds * 10, ("took %d s, more than %d s"):format(took, seconds))
  return host.unpack(results, 1, results.n)
end

function host.tmp(contents)
  local name = os.tmpname()
  temporary[#temporary + 1] = name
  local f = assert(io.open(name, "wb"))
  f:write(contents or "")
  f:close()
  return name
end

function host.forget(name) temporary[#temporary + 1] = name end

function host.read(name)
  local f = assert(io.open(name, "rb"))
  local all = f:read("*a")
  f:close()
  return all
end

local function status(field)
  return tonumber(host.read("/proc/self/status"):match(field .. ":%s*(%d+)"))
end

function host.rss() return status "VmRSS" end -- KB
function host.vm() return status "VmSize" end -- KB
function host.threads() return status "Threads" end
function host.maps() return select(2, host.read("/proc/self/maps"):gsub("\n", "")) end

function host.fds()
  -- the least of several: the child may look before this process has closed its own end of the pipe to it
  local least = math.huge
  for _ = 1, 20 do
    local pipe = io.popen("ls /proc/$PPID/fd | wc -l")
    least = math.min(least, tonumber(pipe:read("*l")))
    pipe:close()
  end
  return least
end

-- a process below this one, for what ends a process: its exit code (128 + signal) and all it wrote
function host.child(source, shell)
  local script = host.tmp(source)
  local pipe = io.popen(("%s timeout -k 2 120 '%s' '%s' 2>&1; echo \"exit:$?\""):format(shell or "", host.interpreter, script))
  local all = pipe:read("*a")
  pipe:close()
  local output, code = all:match("^(.*)exit:(%d+)%s*$")
  return tonumber(code), output
end

-- C functions that a careless host might have; built from spec/c
function host.module(name)
  local ok, module = pcall(require, name)
  assert(ok, "C helper " .. name .. " is not built: " .. tostring(module))
  return module
end

function host.copy(t)
  local copy = {}
  for k, v in pairs(t) do copy[k] = v end
  return copy
end

return host
