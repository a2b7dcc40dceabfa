-- Unknown and misspelt options are errors that name them: `memroy` must not give an unlimited box.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local typos = { "memroy", "Memory", "mem", "cpu_limit", "CPU", "walll", "timeout", "outputs", "maxdepth", "limits", "memory ", "", "\0", "__index" }
for _, typo in ipairs(typos) do
  local plain = typo:gsub("%W", ".")
  for _, v in ipairs { 1, 2 ^ 30, false, "x" } do
    host.raises(plain, sandbox.new, { [typo] = v })
    host.raises(plain, sandbox.run, "return 1", { [typo] = v })
    host.raises(plain, sandbox.new, { memory = 2 ^ 20, [typo] = v })
  end
  local box = sandbox.new { memory = 2 ^ 22 }
  host.raises(plain, box.limits, box, { [typo] = 1 })
  host.raises(plain, box.limits, box, { memory = 2 ^ 30, [typo] = 1 })
  host.equal(box:limits().memory, 2 ^ 22, "memory after a refused call")
end
assert(host.raises("memroy", sandbox.new, { memroy = 1 }))

-- what is no name at all
for _, key in ipairs { 1, 1.5, true, {}, print } do
  host.raises(".", sandbox.new, { [key] = 1 })
  local box = sandbox.new()
  host.raises(".", box.limits, box, { [key] = 1 })
end
host.raises(".", sandbox.new, { "memory" })
host.raises(".", sandbox.new, { "memory", 1000 })

-- a very long name is named within reason
local message = host.raises("x", sandbox.new, { [("x"):rep(1e6)] = 1 })
assert(#message < 2e6)

-- what box:limits returns can be given back
local box = sandbox.new { cpu = 3, memory = 2 ^ 22, wall = 4, output = 100, per = "call" }
local now = box:limits()
box:limits(now)
local again = box:limits()
for name, value in pairs(now) do host.equal(again[name], value, name) end
assert(now.cpu == 3 and now.memory == 2 ^ 22 and now.wall == 4 and now.output == 100)

host.done()
