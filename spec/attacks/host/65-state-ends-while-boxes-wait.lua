-- The host ends while boxes wait: at its end, by os.exit that closes the state, by an error, and from inside the function that was called.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")

local COMMON = ([[
  package.cpath = %q
  local sandbox = require "sandbox"
  keep = {}
  function wait(code, stop)
    local box = sandbox.new { cpu = 10 }
    box:set("stop", stop or coroutine.yield)
    box:opensandbox()
    local co = coroutine.create(function() return box:dostring(code or "stop()") end)
    keep[#keep + 1] = co
    local ok, message = coroutine.resume(co)
    if not ok then error(message, 0) end
    return box, co
  end
  local below = "local b = sandbox.new() b:set('stop', stop) b:dostring('stop()')"
  for i = 1, 20 do wait() wait(below) wait("setmetatable({}, { __gc = function() x = stop() end }) pcall(stop)") end
]]):format(package.cpath)

local function ends(code, how, what)
  local got, output = host.child(COMMON .. how)
  assert(got == code, ("%s: exit code %s\n%s"):format(what, tostring(got), output))
  return output
end

ends(0, "", "the end of the script")
ends(0, "keep = nil", "the end of the script with nothing kept")
ends(0, "keep = nil collectgarbage() collectgarbage()", "all collected")
ends(5, "os.exit(5, true)", "os.exit(5, true)")
ends(6, "os.exit(6)", "os.exit(6)")
assert(ends(1, "error('the last word', 0)", "an error"):find("the last word"), "the error was not shown")
ends(7, "wait('stop()', function() os.exit(7, true) end)", "os.exit inside")
ends(8, "wait('stop()', function() coroutine.yield() os.exit(8, true) end) coroutine.resume(keep[#keep])", "os.exit after a wait")
ends(0, "local box = wait() box:close() keep = nil", "with one closed")
-- finalizers that run while the state is closed get at the boxes
ends(0, [[
  local function at_end(f)
    if newproxy then local p = newproxy(true) getmetatable(p).__gc = f return p end
    return setmetatable({}, { __gc = f })
  end
  local box, co = wait()
  first = at_end(function() pcall(coroutine.resume, co, 1) pcall(box.close, box) pcall(coroutine.resume, co, 2) pcall(box.dostring, box, "x = 1") end)
  local box2, co2 = wait()
  second = at_end(function() pcall(coroutine.resume, co2, 1) pcall(box2.status, box2) end)
]], "finalizers at the end")
host.done()
