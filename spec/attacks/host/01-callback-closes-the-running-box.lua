-- A callback closes the box that is running it: the call ends with `sandbox is closed`, and no code of the box runs on.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function closing(setup, code)
  local box = sandbox.new { cpu = 2 }
  local ran_on = false
  box:set("after", function() ran_on = true end)
  setup(box, function()
    box:close()
    host.equal(box:status(), "closed", "status inside the callback")
    host.raises("sandbox is closed", function() box:dostring("return 1") end)
    return "x\n"
  end)
  host.raises("sandbox is closed", function() box:dostring(code) end)
  assert(not ran_on, "the closed box ran on")
  host.equal(box:status(), "closed", "status after the call")
  host.raises("sandbox is closed", function() box:get("x") end)
  box:close()
end

-- as a function, in every wrapping that could swallow the end
local as_function = function(box, bye) box:set("bye", bye) end
closing(as_function, "bye() after()")
closing(as_function, "pcall(bye) after()")
closing(as_function, "xpcall(bye, function() after() end) after()")
closing(as_function, "coroutine.wrap(function() pcall(bye) after() end)() after()")
closing(as_function, "table.sort({3, 2, 1}, function(a, b) bye() after() return a < b end) after()")
closing(as_function, "string.gsub('aaa', 'a', function() pcall(bye) after() end) after()")
closing(as_function, "local t = setmetatable({}, {__index = function() bye() after() end}) local x = t.x after()")

-- as a stream and as the environment
closing(function(box, bye) box:stdin(sandbox.newstream(bye)) end, "local s = io.read() after()")
closing(function(box, bye) box:env(bye) end, "os.getenv('X') after()")
closing(function(box, bye)
  local out = sandbox.newstream(nil, bye)
  out:setvbuf("no")
  box:stdout(out)
end, "io.write('x') io.stdout:flush() after()")

-- a proxy of the box's own function is no way around it
local box = sandbox.new()
box:set("bye", function() box:close() end)
local f = box:load("bye() return 1")
host.raises("sandbox is closed", f)
host.raises("closed", f)

host.done()
