-- dofile on a missing file, directory, fifo, device, bytecode, huge or shrinking file, name with NUL: an error within the limits.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local posix = host.module("host_posix")

local function small() return sandbox.new { memory = 8 * 2 ^ 20, cpu = 1, wall = 1 } end
local function refused(path, pattern)
  local box = small()
  local message = host.within(10, host.raises, pattern or ".", function() box:dofile(path) end)
  local status = box:status()
  assert(status == "ready" or status == "exhausted" or status == "killed", status)
  box:close()
  return message
end

refused("/no/such/file.lua", "No such file")
refused("", ".")
refused("/tmp", ".")
refused("/proc/self/mem")
refused("/dev/zero")
refused("/dev/urandom")
local odd = host.tmp("return 1")
refused(odd .. "\0.lua")
refused(odd .. "\0")

-- an endless line and an endless comment
local pipe = io.popen("mktemp -d")
local dir = pipe:read("*l")
pipe:close()
local fifo = dir .. "/fifo"
posix.mkfifo(fifo)
refused(fifo)
-- one with a writer that never ends a chunk
os.execute(("timeout 3 sh -c \"yes '-- never ends' > '%s'\" >/dev/null 2>&1 & sleep 0.1"):format(fifo))
refused(fifo)
os.remove(fifo)
os.remove(dir)

-- bytecode, plain and behind a first comment
for _, prefix in ipairs { "", "# a first line\n" } do
  refused(host.tmp(prefix .. string.dump(function() return 1 end)))
end
refused(host.tmp("\27Lua rubbish"))
refused(host.tmp("\27LJ rubbish"))
refused(host.tmp(("\0"):rep(1000)))

-- 2 GB of nothing, and 100 MB of a comment
local huge = host.tmp("")
os.execute(("truncate -s 2G '%s'"):format(huge))
refused(huge)
local long = host.tmp("")
os.execute(("(printf '%%s' --; head -c 100M /dev/zero | tr '\\0' x; echo; echo 'return 1') > '%s'"):format(long))
local box = small()
local rss = host.rss()
local ok, what = host.within(10, pcall, box.dofile, box, long)
assert((ok and what == 1) or (not ok and type(what) == "string"), tostring(what))
assert(host.rss() - rss < 64 * 1024, "the file was read whole: " .. host.rss() - rss .. " KB")

-- a file that changes its length all the time
local moving = host.tmp("return 1")
os.execute(("(i=0; while [ $i -lt 300 ]; do : > '%s'; (echo 'local x = 1'; yes 'x = x + 1' | head -n 5000; echo 'return x') > '%s'; "
  .. "i=$((i + 1)); done; rm -f '%s') >/dev/null 2>&1 &"):format(moving, moving, moving))
local results = 0
for _ = 1, 300 do
  box = sandbox.new { memory = 8 * 2 ^ 20, cpu = 1 }
  local done, got = pcall(box.dofile, box, moving)
  assert(done or type(got) == "string", "an error that is a " .. type(got))
  results = results + 1
  box:close()
end
host.equal(results, 300, "runs")

-- what does work: a first line that is a comment, CR LF, no end of line
box = small()
for text, want in pairs { ["#!/usr/bin/lua\nreturn 5"] = 5, ["return 6\r\n"] = 6, [""] = "nothing", ["return 7"] = 7, ["#only"] = "nothing" } do
  local got = (function(...) if select("#", ...) == 0 then return "nothing" end return (...) end)(box:dofile(host.tmp(text)))
  host.equal(got, want, text)
end
host.raises(":1:", function() box:dofile(host.tmp("return return")) end)

host.done()
