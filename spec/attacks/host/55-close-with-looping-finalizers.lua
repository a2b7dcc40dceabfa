-- A box is closed whose objects have finalizers that would loop: close returns at once, and none of them runs.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local code = [[
  local spin = function() called() while true do end end
  kept = {}
  for i = 1, 100 do
    if newproxy then
      kept[i] = newproxy(true)
      getmetatable(kept[i]).__gc = spin
    else
      kept[i] = setmetatable({}, {__gc = spin, __close = spin, __mode = "k"})
    end
  end
]]

local called = 0
local function make(options)
  local box = sandbox.new(options)
  box:set("called", function() called = called + 1 end)
  box:dostring(code)
  return box
end

-- by hand, by the collector, by sandbox.run, from a callback, after a stop
host.within(5, function()
  for _ = 1, 20 do make():close() end
  for _ = 1, 20 do make() end
  for _ = 1, 4 do collectgarbage() end
end)
host.within(5, function() sandbox.run("called = ... " .. code, nil, function() called = called + 1 end) end)
host.within(5, function()
  local box = make()
  box:set("bye", function() box:close() end)
  host.raises("sandbox is closed", function() box:dostring("bye()") end)
end)
host.within(5, function()
  local box = make { cpu = 0.1 }
  host.raises("cpu limit", function() box:dostring("while true do end") end)
  box:close()
end)
host.within(5, function()
  local box = make { memory = 2 ^ 20 }
  pcall(box.dostring, box, "local t = {} while true do t[#t + 1] = {} end")
  box:close()
end)
host.equal(called, 0, "finalizers that ran")

-- with variables to be closed and suspended coroutines waiting
if host.version == "5.4" then
  host.within(5, function()
    local box = make()
    box:dostring([[
      co = coroutine.wrap(function()
        local x <close> = setmetatable({}, {__close = function() called() while true do end end})
        coroutine.yield()
      end)
      co()
    ]])
    box:close()
  end)
  host.equal(called, 0, "variables that were closed")
end

-- a box that holds boxes
host.within(5, function()
  local box = sandbox.new()
  box:opensandbox()
  box:set("called", function() called = called + 1 end)
  box:dostring("code = ... for _ = 1, 20 do b = sandbox.new() b:set('called', called) b:dostring(code) end", code)
  box:close()
end)
host.equal(called, 0, "finalizers that ran")

-- but during its life they run, under its limits
host.within(5, function()
  local box = make { cpu = 0.2 }
  local ok, message = pcall(box.dostring, box, "kept = nil collectgarbage() collectgarbage() while true do end")
  assert(not ok and tostring(message):find("cpu limit"), tostring(message))
  host.stopped(box, "cpu")
end)
assert(called >= 1, "no finalizer ran during the box's life")

host.done()
