-- sandbox.new with less memory than the libraries need: an error, nothing leaked, at every size.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function try(bytes)
  local ok, box = pcall(sandbox.new, { memory = bytes })
  if not ok then
    assert(type(box) == "string" and box:find("memory"), ("%d bytes: %s"):format(bytes, tostring(box)))
    return false
  end
  -- it opened: whatever it does now ends in a result or in Lua's own error
  local done, message = pcall(box.dostring, box, "local t = {} for i = 1, 200 do t[i] = 'x' .. i end return #t")
  assert((done and message == 200) or (type(message) == "string" and message:find("not enough memory")),
    ("%d bytes: %s"):format(bytes, tostring(message)))
  box:close()
  return true
end

for _, bytes in ipairs { 0, 1, 100, 1000 } do assert(not try(bytes), bytes .. " bytes were enough for a box") end
for _, bytes in ipairs { 10000, 20000, 30000, 40000, 60000, 100000 } do try(bytes) end
assert(try(2 ^ 20), "1 MiB was not enough for a box")

-- the point where it first fits, step by step
local function sweep(step)
  for bytes = 0, 60000, step do try(bytes) end
end
sweep(97)
collectgarbage()
collectgarbage()
local rss, maps = host.rss(), host.maps()
for _ = 1, 5 do sweep(193) end
for _ = 1, 2000 do try(5000) end
for _ = 1, 4 do collectgarbage() end
assert(host.rss() - rss < 8 * 1024, "failed boxes leak " .. host.rss() - rss .. " KB")
assert(host.maps() - maps < 50, "failed boxes leak " .. host.maps() - maps .. " mappings")

-- in sandbox.run and one level below
host.raises("memory", sandbox.run, "return 1", { memory = 1000 })
local box = sandbox.new()
box:opensandbox()
local ok, message = box:dostring("return pcall(sandbox.new, {memory = 1000})")
assert(ok == false and tostring(message):find("memory"), tostring(message))
host.equal(box:dostring("return sandbox.run('return 4')"), 4, "a box below afterwards")

host.done()
