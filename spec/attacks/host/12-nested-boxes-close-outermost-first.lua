-- Ten levels of boxes closed outermost first, from the middle, and by collection: the inner ones are closed with them.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- every level hands up its functions; names[i] is a function of level i
local code = [[
  local source, level, report = ...
  report(level, function() return level end)
  if level < 10 then
    below = sandbox.new()
    below:opensandbox()
    below:dostring(source, source, level + 1, report)
  end
]]

local function tower()
  local functions = {}
  local box = sandbox.new { cpu = 20 }
  box:opensandbox()
  box:dostring(code, code, 1, function(level, f) functions[level] = f end)
  host.equal(#functions, 10, "levels")
  for level, f in ipairs(functions) do host.equal(f(), level, "level") end
  return box, functions
end

local box, functions = tower()
box:close()
for level, f in ipairs(functions) do
  local message = host.raises("closed", f)
  assert(message, "level " .. level)
end

-- a box in the middle closes the one below it, with all that are below that
box, functions = tower()
box:dostring("below:dostring('below:dostring([[below:close()]])')")
for level = 1, 3 do host.equal(functions[level](), level, "level above the closed one") end
for level = 4, 10 do host.raises("closed", functions[level]) end
host.equal(box:dostring("return below:status()"), "ready", "status of level 2")

-- the box's own collector closes them, then the host's
box, functions = tower()
box:dostring("below = nil collectgarbage() collectgarbage()")
host.equal(functions[1](), 1, "level 1")
for level = 2, 10 do pcall(functions[level]) end
box = nil
functions = nil
for _ = 1, 4 do collectgarbage() end
assert(box == nil and functions == nil)

host.done()
