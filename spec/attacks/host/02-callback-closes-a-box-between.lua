-- A callback of a grandchild closes the box between, or the grandchild's own handle: the calls end as closed, level by level.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function child()
  local box = sandbox.new { cpu = 5 }
  box:opensandbox()
  return box
end

-- the host closes the middle box while the box below it runs
local middle = child()
local ran_on = {}
middle:set("bye", function() middle:close() end)
middle:set("after", function(where) ran_on[#ran_on + 1] = where end)
host.raises("sandbox is closed", function()
  middle:dostring [[
    local below = sandbox.new()
    below:set("bye", bye)
    below:set("after", after)
    pcall(below.dostring, below, "pcall(bye) after('below')")
    after("middle")
  ]]
end)
host.equal(#ran_on, 0, "code that ran on in a closed box")
host.equal(middle:status(), "closed", "status")

-- the middle box closes the one below from its own callback: only that call fails
middle = child()
local message, status, later = middle:dostring [[
  local below = sandbox.new()
  local ran_on = false
  below:set("after", function() ran_on = true end)
  below:set("bye", function() below:close() end)
  local ok, message = pcall(below.dostring, below, "pcall(bye) after()")
  assert(not ok and not ran_on)
  return message, below:status(), sandbox.run("return 'later'")
]]
assert(message:find("sandbox is closed"), message)
host.equal(status, "closed", "status below")
host.equal(later, "later", "a box made later")
host.equal(middle:status(), "ready", "status of the middle box")

-- three levels, the top one closed from the lowest
local top = child()
top:set("bye", function() top:close() end)
host.raises("sandbox is closed", function()
  top:dostring [[
    local b = sandbox.new() b:opensandbox() b:set("bye", bye)
    b:dostring("local c = sandbox.new() c:set('bye', bye) pcall(c.dostring, c, 'bye()')")
  ]]
end)
host.equal(top:status(), "closed", "status of the top box")
collectgarbage()

host.done()
