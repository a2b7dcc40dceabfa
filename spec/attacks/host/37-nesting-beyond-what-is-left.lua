-- Nesting past ten levels, limits larger than the parent has left, ten children that add up to more: errors or clipped.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

host.equal(sandbox.MAX_DEPTH, 10, "MAX_DEPTH")

-- how many boxes stand one in another, whatever is asked for at each level
local code = [[
  local source, options = ...
  local ok, below = pcall(sandbox.new, options)
  if not ok then return 0, below end
  below:opensandbox()
  local n, message = below:dostring(source, source, options)
  return n + 1, message
]]
local function levels(options, below)
  local box = sandbox.new(options)
  box:opensandbox()
  local n, message = box:dostring(code, code, below or options)
  return n + 1, message
end
for _, options in ipairs { {}, { depth = 100 }, { depth = 2 ^ 53 }, { depth = math.huge }, { depth = 10 } } do
  local ok, n, message = pcall(levels, options)
  if ok then
    assert(n == 10 or (options.depth and n < 10), "levels: " .. n)
    assert(type(message) == "string" and (message:find("depth") or message:find("10")), tostring(message))
  else
    assert(type(n) == "string" and n:find("depth"), tostring(n))
  end
end
host.equal(levels({ depth = 3 }, {}), 4, "levels with depth 3")
local box = sandbox.new { depth = 2 }
box:opensandbox()
assert(box:dostring(code, code, { depth = 9 }) <= 2, "a child that asks for more than its parent has")
host.equal(box:dostring(code, code, {}), 2, "children that ask for nothing")
box:limits { depth = 0 }
assert(box:dostring("return (pcall(sandbox.new))") == false, "a child with depth 0")

-- memory: a child larger than its parent, and ten that add up to more
box = sandbox.new { memory = 4 * 2 ^ 20, cpu = 20 }
box:opensandbox()
local got = box:dostring [[
  local function fill(limit)
    local ok, below = pcall(sandbox.new, {memory = limit})
    if not ok then return false, below end
    return pcall(below.dostring, below, "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1000) .. i end return 1")
  end
  local ok, message = fill(2^30)
  assert(not ok and tostring(message):find("memory"), tostring(message))
  collectgarbage() collectgarbage()
  local kept, failed = {}, 0
  for i = 1, 10 do
    local made, below = pcall(sandbox.new, {memory = 2^22})
    if made then
      kept[#kept + 1] = below
      if not pcall(below.dostring, below, "s = ('x'):rep(2^19)") then failed = failed + 1 end
    else
      failed = failed + 1
    end
  end
  assert(failed >= 2 and failed < 10, "failed: " .. failed)
  for _, below in ipairs(kept) do below:close() end
  return sandbox.run("return ('x'):rep(500000):len()", {memory = 2^21})
]]
host.equal(got, 500000, "what closing gave back")
assert(box:usage().memory_peak <= 4 * 2 ^ 20, "more than the limit was in use")
host.equal(box:status(), "ready", "the box")

-- CPU time of ten children is their parent's
box = sandbox.new { cpu = 0.5 }
box:opensandbox()
host.within(20, function()
  host.raises("cpu limit of 0%.5 s", function()
    box:dostring("for _ = 1, 10 do pcall(sandbox.run, 'while true do end', {cpu = 0.2}) end while true do end")
  end)
end)
host.stopped(box, "cpu")
assert(box:usage().cpu < 1.5, "ten children ran for " .. box:usage().cpu .. " s")

-- output, too
box = sandbox.new { output = 100, cpu = 10 }
local written = 0
box:stdout(sandbox.newstream(nil, function(s) written = written + #s end))
box:opensandbox()
pcall(box.dostring, box, [[
  for _ = 1, 10 do
    local below = sandbox.new {output = 50}
    below:stdout(io.stdout)
    pcall(below.dostring, below, "io.write(('y'):rep(40)) io.stdout:flush()")
  end
]])
assert(written >= 40 and written <= 100, "bytes written: " .. written)

host.done()
