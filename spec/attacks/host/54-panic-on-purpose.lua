-- A panic inside the native code, provoked by a switch of debug builds: a Lua error; the box can be closed, others work.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- pending: only a debug build has the switch SANDBOX_TEST_PANIC. `make test` builds for release, where nothing
-- can provoke one: input from Lua that panics would be a bug in itself.
if sandbox._TEST_PANIC == nil then
  host.another()
  host.pending("this build has no switch that panics (SANDBOX_TEST_PANIC is for debug builds)")
end

local box = sandbox.new()
box:dostring("x = 1")
local message = host.raises(".", sandbox._TEST_PANIC, box)
assert(#message > 0)
box:close()
host.equal(box:status(), "closed", "the box")

host.done()
