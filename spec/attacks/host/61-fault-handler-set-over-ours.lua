-- The host sets a handler of faults after the library has set its own: a box's fault still costs the box alone, and the
-- host's own faults still come to the host's handler.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local crashing = { ["5.1"] = "75-unpack-ranges", ["5.4"] = "68-for-close-break", jit = "71-pcall-as-metamethod" }
local name = crashing[host.version]
-- pending: no plain script is known that crashes Debian's Lua 5.2 or 5.3.
if not name then
  host.another()
  host.pending("no script is known that crashes this interpreter")
end

local code, output = host.child([[
  local posix = require "host_posix"
  local sandbox = require "sandbox"
  assert(sandbox.run("return 1") == 1)
  posix.catch_faults()
  assert(posix.fault() == 1)
  for round = 1, 3 do
    local box = sandbox.new { cpu = 5 }
    box:stdout(io.stdout)
    pcall(box.dofile, box, "]] .. host.dir .. "../" .. name .. [[.lua")
    local status, kind = box:status()
    assert(status == "ready" or status == "killed", status .. " " .. tostring(kind))
    assert(posix.fault() == round + 1)
  end
  print "survived"
]])
assert(code == 0 and output:find("survived"), "exit code " .. tostring(code) .. ": " .. tostring(output))
host.done()
