-- The host runs under its own count hook, and on LuaJIT with the JIT on: hook and traces are unaffected by boxes.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local fired = 0
local function hook() fired = fired + 1 end

local function work()
  local sum = 0
  for i = 1, 200000 do
    sum = sum + i % 7
  end
  return sum
end

local jit = rawget(_G, "jit")
local status = jit and { jit.status() } or {}
local want = work()

-- PUC Lua counts every host instruction; LuaJIT only those that it interprets
debug.sethook(hook, "", 100)
if jit then jit.off(work, true) end
work()
local per_work = fired
assert(per_work > 100, "the hook fired " .. per_work .. " times")

for _, code in ipairs { "return 1", "for i = 1, 1e6 do end", "error('x')", "while true do end", "cb()" } do
  local box = sandbox.new { cpu = 0.05 }
  box:set("cb", work)
  pcall(box.dostring, box, code)
  local h, mask, count = debug.gethook()
  assert(h == hook and mask == "" and count == 100, "the hook is another after " .. code)
  fired = 0
  host.equal(work(), want, "the host's own work")
  assert(fired > per_work * 0.9 and fired < per_work * 1.1, ("%s: the hook fired %d times, not %d"):format(code, fired, per_work))
  box:close()
end

-- the box's own instructions are not counted by the host's hook
local box = sandbox.new { cpu = 10 }
fired = 0
box:dostring("for i = 1, 1e6 do local x = i % 7 end")
assert(fired < 1000, "the host's hook fired inside the box: " .. fired)

-- code in a callback is the host's: there it does
if not jit then
  fired = 0
  box:set("cb", work)
  box:dostring("cb()")
  assert(fired > per_work * 0.9, "the hook fired " .. fired .. " times in a callback")
end

-- a hook that uses boxes itself
local made = 0
debug.sethook(function()
  debug.sethook()
  made = sandbox.run("return 5")
end, "", 100)
work()
debug.sethook()
if not jit then host.equal(made, 5, "a box used by the hook") end

-- and one that raises in the middle of a call into a box leaves the box usable
local ok, message = pcall(function()
  debug.sethook(function()
    debug.sethook()
    error("from the hook", 0)
  end, "c")
  return box:dostring("return 1")
end)
debug.sethook()
assert(not ok and message == "from the hook", tostring(message))
host.equal(box:dostring("return 2"), 2, "the box")

if jit then
  local now = { jit.status() }
  host.equal(#now, #status, "jit.status")
  for i, v in ipairs(status) do host.equal(now[i], v, "jit.status") end
  -- traces of the host are compiled and kept: a hot loop is as right after boxes as before
  jit.on(work, true)
  for _ = 1, 20 do
    host.equal(work(), want, "compiled work")
    pcall(sandbox.run, "local n = 0 while true do n = n + 1 end", { cpu = 0.01 })
  end
end

host.done()
