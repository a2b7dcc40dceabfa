-- The host's own count and line hooks close the box while it runs host code in a callback.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
-- compiled code sees no hooks
if host.version == "jit" then require("jit").off() end

local function closing(mask, count)
  local box = sandbox.new { cpu = 5 }
  local calls = 0
  box:set("work", function()
    calls = calls + 1
    local sum = 0
    for i = 1, 20 do
      sum = sum + i
    end
    return sum
  end)
  local fired = 0
  debug.sethook(function()
    fired = fired + 1
    if calls == 3 and box:status() ~= "closed" then box:close() end
  end, mask, count)
  local ok, message = pcall(box.dostring, box, "for i = 1, 1e5 do pcall(work) end")
  debug.sethook()
  assert(fired > 0, "the hook never fired")
  assert(not ok and type(message) == "string" and message:find("sandbox is closed"), tostring(message))
  assert(calls <= 3, "the closed box went on calling: " .. calls)
  host.equal(box:status(), "closed", "status")
end

closing("", 7)
closing("l")
closing("cr")

-- a hook that raises inside the callback is an error of that callback
local box = sandbox.new { cpu = 5 }
box:set("work", function()
  local sum = 0
  for i = 1, 1000 do
    sum = sum + i
  end
  return sum
end)
local raised = false
local function hook()
  if not raised and debug.getinfo(2, "S").source == debug.getinfo(1, "S").source then
    raised = true
    error("from the hook", 0)
  end
end
box:set("hooked", function() debug.sethook(hook, "", 50) end)
local ok, message = box:dostring("hooked() return pcall(work)")
debug.sethook()
assert(raised and ok == false and message == "from the hook", tostring(message))
host.equal(box:status(), "ready", "status")

host.done()
