-- The host ends in every way it can with boxes open, running or half used: the exit code is its own, and quickly.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local prelude = [[
  local sandbox = require "sandbox"
  local loop = "local newproxy = newproxy "
    .. "if newproxy then p = newproxy(true) getmetatable(p).__gc = function() while true do end end "
    .. "else p = setmetatable({}, {__gc = function() while true do end end}) end "
  box = sandbox.new() -- luacheck: ignore
  box:dostring(loop)
  out = sandbox.newstream(nil, function(s) return #s end, function() end)
  box:stdout(out)
  box:dostring("io.write('left in a buffer')")
  f = box:load("return 1")
  dropped = sandbox.new()
  dropped:set("f", f)
]]

local function ends(what, want, pattern)
  local code, output = host.within(20, host.child, prelude .. what)
  assert(code == want, ("%s: exit code %d, want %d: %s"):format(what, code, want, output))
  assert(output:find(pattern or "^$"), ("%s: output %q"):format(what, output))
end

ends("", 0)
ends("box:close()", 0)
ends("os.exit(3)", 3)
ends("os.exit(0)", 0)
if host.version ~= "5.1" then ends("os.exit(4, true)", 4) end
ends("error('at top level')", 1, "at top level")

-- from inside a run: the state goes while the box's stack is alive
ends("box:set('leave', function() os.exit(5) end) box:dostring('leave()')", 5)
ends("box:set('leave', function() os.exit(5) end) box:dostring('pcall(coroutine.wrap(function() leave() end))')", 5)
if host.version ~= "5.1" then
  ends("box:set('leave', function() os.exit(6, true) end) box:dostring('leave()')", 6)
  ends([[box:stdout(sandbox.newstream(nil, function() os.exit(6, true) end))
    box:dostring('io.write(("x"):rep(1e6)) io.stdout:flush()')]], 6)
end

-- with a suspended coroutine that has used the box and holds it
ends([[co = coroutine.wrap(function() box:dostring('x = 1') coroutine.yield() box:dostring('x = 2') end) co()]], 0)
ends([[co = coroutine.wrap(function()
    box:set('stop', function() coroutine.yield() end) pcall(box.dostring, box, 'stop()') coroutine.yield() end) co()]], 0)

-- after a stop, and with a box inside a box
ends("box:limits{cpu = 0.05} pcall(box.dostring, box, 'while true do end')", 0)
ends("box:opensandbox() box:dostring('b = sandbox.new() b:opensandbox() b:dostring([[c = sandbox.new()]])')", 0)

host.done()
