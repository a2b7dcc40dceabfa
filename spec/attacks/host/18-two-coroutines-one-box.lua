-- Two host coroutines use one box, the second while the first is inside a callback: nested correctly, stacks never mixed.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 20 }
local log = {}
local second
box:set("note", function(s) log[#log + 1] = s end)
box:set("switch", function(x)
  local got = second(x)
  return "back with " .. got
end)

second = coroutine.wrap(function(x)
  while true do
    local got = box:dostring([[
      local x = ...
      local mine = "second" .. x
      note(mine)
      return mine
    ]], x)
    x = coroutine.yield(got)
  end
end)

local first = coroutine.wrap(function()
  for i = 1, 10 do
    local got = box:dostring([[
      local i = ...
      local mine = "first" .. i
      local got = switch(i)
      note(mine .. ", " .. got)
      return mine, got
    ]], i)
    host.equal(got, "first" .. i, "the first coroutine's own local")
    coroutine.yield()
  end
end)
for _ = 1, 10 do first() end
host.equal(#log, 20, "notes")
for i = 1, 10 do
  host.equal(log[2 * i - 1], "second" .. i, "order")
  host.equal(log[2 * i], ("first%d, back with second%d"):format(i, i), "order")
end

-- an error in the second is the callback's, not the first one's stack
local failing = coroutine.wrap(function() box:dostring("error('of the second', 0)") end)
box:set("switch", function() failing() end)
local ok, message, mine = coroutine.wrap(function()
  return box:dostring("local mine = 'kept' local ok, message = pcall(switch) return ok, message, mine")
end)()
assert(ok == false and tostring(message):find("of the second") and mine == "kept", tostring(message))

-- many coroutines nested, each inside the callback of the one before
local function nested(depth)
  box:set("deeper", function(n)
    if n == 0 then return 0 end
    return coroutine.wrap(function() return box:dostring("local n = ... return n + deeper(n - 1)", n) end)()
  end)
  return box:dostring("return deeper(...)", depth)
end
host.equal(nested(5), 15, "nested coroutines")
host.equal(box:status(), "ready", "the box")

host.done()
