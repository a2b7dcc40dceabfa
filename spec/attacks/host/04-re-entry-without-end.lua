-- Host -> box -> host -> box without end: an error long before the C stack ends, on a thread of 256 KB as well.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local threads = host.module("host_threads")

local function by_string()
  local box = sandbox.new { cpu = 20 }
  local deepest = 0
  box:set("down", function(n)
    deepest = math.max(deepest, n)
    return box:dostring("return down(... + 1)", n)
  end)
  local ok, message = pcall(box.dostring, box, "return down(1)")
  assert(not ok, "recursion without end came to an end")
  assert(type(message) == "string", "the error is a " .. type(message))
  assert(deepest >= 3, "only " .. deepest .. " levels")
  local status = box:status()
  assert(status == "ready" or status == "killed", "status " .. status)
  if status == "ready" then host.equal(box:dostring("return 5"), 5, "the box afterwards") end
end

local function by_proxy()
  local box = sandbox.new { cpu = 20 }
  local down
  box:set("up", function() return down() end)
  down = box:load("return up()")
  local ok, message = pcall(down)
  assert(not ok and type(message) == "string")
end

-- every level catches: each unwinding must still end
local function with_pcall()
  local box = sandbox.new { cpu = 20 }
  local calls = 0
  box:set("down", function()
    calls = calls + 1
    if calls > 5000 then error("enough", 0) end
    return pcall(box.dostring, box, "return pcall(down)")
  end)
  local ok = pcall(box.dostring, box, "return down()")
  assert(calls >= 3 and (ok == true or ok == false))
end

-- boxes that call each other through the host
local function in_turn()
  local a, b = sandbox.new { cpu = 20 }, sandbox.new { cpu = 20 }
  a:set("other", function() return b:dostring("return other()") end)
  b:set("other", function() return a:dostring("return other()") end)
  local ok, message = pcall(a.dostring, a, "return other()")
  assert(not ok and type(message) == "string")
end

local all = { by_string, by_proxy, with_pcall, in_turn }
for _, case in ipairs(all) do case() end
for _, case in ipairs(all) do
  coroutine.wrap(case)()
  threads.call(256, case)
end
threads.call(256, host.another)

host.done()
