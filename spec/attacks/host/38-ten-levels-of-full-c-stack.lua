-- Ten levels of boxes, each nesting C calls as deep as its Lua allows before the next: errors only, on any thread.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local threads = host.module("host_threads")

local nest = {
  gsub = [[
    local function down(n)
      if n == 0 then return further() end
      local result
      string.gsub("x", "x", function() result = down(n - 1) end)
      return result
    end
    return down(depth)
  ]],
  pcall = [[
    local function down(n)
      if n == 0 then return further() end
      local ok, result = pcall(down, n - 1)
      if not ok then error(result, 0) end
      return result
    end
    return down(depth)
  ]],
  sort = [[
    local function down(n)
      if n == 0 then return further() end
      local result
      table.sort({2, 1}, function() result = result or down(n - 1) return false end)
      return result
    end
    return down(depth)
  ]],
  coroutines = [[
    local function down(n)
      if n == 0 then return further() end
      local result
      coroutine.wrap(function() result = down(n - 1) end)()
      return result
    end
    return down(depth)
  ]],
  parser = [[
    load("return " .. ("("):rep(depth) .. "1" .. (")"):rep(depth))
    load(("do "):rep(depth) .. ("end "):rep(depth))
    load("return " .. ("{"):rep(depth) .. ("}"):rep(depth))
    return further()
  ]],
}

local level = [[
  local source, body, n, depth_here = ...
  depth = depth_here
  load = loadstring or load
  function further()
    if n == 0 then return 1 end
    local below = sandbox.new()
    below:opensandbox()
    return 1 + below:dostring(source, source, body, n - 1, depth_here)
  end
  return (loadstring or load)(body)()
]]

local function tower(body, depth)
  local box = sandbox.new { cpu = 60 }
  box:opensandbox()
  local ok, n = pcall(box.dostring, box, level, level, body, 9, depth)
  assert((ok and n == 10) or (not ok and type(n) == "string"), tostring(n))
  local status, kind = box:status()
  assert(status == "ready" or kind == "stack", ("%s %s"):format(status, tostring(kind)))
  return ok, n
end

for name, body in pairs(nest) do
  -- within what every version allows inside one state
  local depth = name == "coroutines" and 60 or 150
  local ok, n = tower(body, depth)
  assert(ok, name .. ": " .. tostring(n))
  tower(body, 190)
  tower(body, 250)
end

-- the same when the host's thread has 256 KB
for _, body in pairs(nest) do threads.call(256, tower, body, 190) end
threads.call(256, host.another)

host.done()
