-- Limits given as nil, 0, negative, nan, inf, huge, fractions, strings, tables: an error or what is documented, never unlimited.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local names = { "memory", "cpu", "wall", "output", "depth" }

for _, name in ipairs(names) do
  for what, v in pairs { boolean = true, no = false, table = {}, ["function"] = print, text = "lots", empty = "", negative = -1,
    small = -1e-9, low = -2 ^ 63, lowest = -math.huge, nan = 0 / 0, minus_nan = -(0 / 0), coroutine = coroutine.create(function() end) } do
    local message = host.raises(name, sandbox.new, { [name] = v })
    assert(message, what)
    local box = sandbox.new()
    host.raises(name, box.limits, box, { [name] = v })
    host.equal(box:dostring("return 1"), 1, "the box after a refused limit")
    host.raises(name, sandbox.run, "return 1", { [name] = v })
  end
  -- an error part of the way leaves everything as it was
  local box = sandbox.new { cpu = 3, memory = 2 ^ 22 }
  pcall(box.limits, box, { cpu = 5, memory = 2 ^ 23, [name] = -1 })
  local now = box:limits()
  assert(now.cpu == 3 and now.memory == 2 ^ 22, "a refused call changed limits")
end

-- per is a word
for _, v in ipairs { "week", "", 1, true, {} } do host.raises("per", sandbox.new, { per = v }) end

-- nil is the default
local box = sandbox.new { memory = nil, cpu = nil }
host.equal(box:limits().memory, 64 * 2 ^ 20, "default memory")
host.equal(box:limits().cpu, 10, "default cpu")

-- huge numbers do not wrap round to small ones, nor to none where a limit was asked
for _, v in ipairs { 2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 63, 2 ^ 64, 2 ^ 64 + 2 ^ 20, 1e300, math.huge } do
  for _, name in ipairs(names) do
    local ok, made = pcall(sandbox.new, { [name] = v })
    if ok then
      host.equal(made:dostring("return ('x'):rep(1000):len()"), 1000, name .. " " .. v)
      local now = made:limits()[name]
      assert(now == nil or now >= 9, ("%s %g became %s"):format(name, v, tostring(now)))
      made:close()
    else
      assert(type(made) == "string" and made:find(name), tostring(made))
    end
  end
end

-- zero is nothing at all, not unlimited
for _, name in ipairs { "cpu", "wall" } do
  host.within(10, function()
    local ok, made = pcall(sandbox.new, { [name] = 0 })
    if ok then
      host.raises(name, function() made:dostring("while true do end") end)
      host.stopped(made, name)
    else
      assert(type(made) == "string" and made:find(name), tostring(made))
    end
  end)
end
local ok, made = pcall(sandbox.new, { output = 0, cpu = 1 })
if ok then
  local written = 0
  made:stdout(sandbox.newstream(nil, function(s) written = written + #s end))
  host.raises("output", function() made:dostring("io.write('x') io.stdout:flush()") end)
  host.equal(written, 0, "bytes written with output = 0")
end
ok, made = pcall(sandbox.new, { depth = 0 })
assert(ok, tostring(made))
pcall(made.opensandbox, made)
ok = made:dostring("return (pcall(function() return sandbox.new() end))")
assert(ok == false, "a box below with depth = 0")

-- fractions and numeric strings: refused, or that number
for _, v in ipairs { 2 ^ 20 + 0.5, "2000000" } do
  local done, small = pcall(sandbox.new, { memory = v, cpu = 5 })
  if done then
    host.raises("not enough memory", function() small:dostring("return ('x'):rep(2^22):len()") end)
  else
    assert(type(small) == "string" and small:find("memory"), tostring(small))
  end
end
local done, short = pcall(sandbox.new, { cpu = "0.1" })
if done then
  host.within(5, function() host.raises("cpu limit", function() short:dostring("while true do end") end) end)
else
  assert(type(short) == "string" and short:find("cpu"), tostring(short))
end
box = sandbox.new { cpu = 0.0001 }
host.within(5, function() host.raises("cpu limit", function() box:dostring("while true do end") end) end)

host.done()
