-- Closing twice, by hand, by the collector and inside a host finalizer: the second time does nothing.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new()
for _ = 1, 5 do box:close() end
host.equal(box:status(), "closed", "status")
box = nil -- luacheck: ignore
collectgarbage()
collectgarbage()

-- closed by hand inside the finalizer of something else that goes in the same collection
local closed = 0
local function finalized(f)
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    local p = newproxy(true)
    getmetatable(p).__gc = f
    return p
  end
  return setmetatable({}, { __gc = f })
end
for order = 1, 2 do
  local holder = {}
  if order == 1 then holder.box = sandbox.new() end
  holder.guard = finalized(function()
    holder.box:close()
    holder.box:close()
    host.equal(tostring(holder.box):find("^sandbox: 0x"), 1, "tostring of a closed box")
    closed = closed + 1
  end)
  if order == 2 then holder.box = sandbox.new() end
end
for _ = 1, 4 do collectgarbage() end
host.equal(closed, 2, "finalizers that ran")

-- closed twice from a callback while it runs
local running = sandbox.new()
running:set("bye", function() running:close() running:close() end)
host.raises("sandbox is closed", function() running:dostring("bye()") end)
running:close()

-- a one-shot leaves nothing to close
host.equal(sandbox.run("return 3"), 3, "run")

host.done()
