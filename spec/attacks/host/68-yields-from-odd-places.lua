-- A host function that a box calls yields where the host's own code can't be yielded across: an ordinary error, or it works where this
-- Lua can do it; never anything else, and the box goes on.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 20 }
box:set("stop", function(...) return coroutine.yield(...) end)
local ask = box:load("local ok, what = pcall(stop, 'yielded') return ok, what")

local function settled() host.equal(box:dostring("return 7"), 7, "the box") end

-- runs `place` on a coroutine until it ends; every yield is answered
local function drive(place)
  local co = coroutine.create(place)
  local yields = 0
  while coroutine.status(co) ~= "dead" do
    local ok, what = coroutine.resume(co, "answer")
    assert(ok, tostring(what))
    if coroutine.status(co) ~= "dead" then
      host.equal(what, "yielded", "what was yielded")
      yields = yields + 1
    end
    assert(yields < 100)
  end
  settled()
  return yields
end

local function either(ok, what)
  if ok then host.equal(what, "answer", "what the yield gave")
  else assert(tostring(what):find("yield"), tostring(what)) end
end

drive(function() either(ask()) end)
drive(function() table.sort({ 3, 2, 1 }, function(a, b) either(ask()) return a < b end) end)
drive(function() ("abc"):gsub(".", function() either(ask()) end) end)
drive(function() local t = setmetatable({}, { __index = function() either(ask()) return 1 end }) assert(t.x == 1) end)
drive(function() assert(setmetatable({}, { __add = function() either(ask()) return 2 end }) + 1 == 2) end)
drive(function() assert(tostring(setmetatable({}, { __tostring = function() either(ask()) return "t" end })) == "t") end)
drive(function() for _ in function(_, i) either(ask()) return not i or nil end do end end)
drive(function() either(select(2, pcall(ask))) end)
drive(function() xpcall(function() error("x") end, function(m) either(ask()) return m end) end)
drive(function() local n = 0 load(function() n = n + 1 either(ask()) return n == 1 and "return 1" or nil end) end)
drive(function() either(ask()) box:dostring("either(pcall(stop, 'yielded'))", box:set("either", either)) end)

-- finalizers of the host
local newproxy = rawget(_G, "newproxy")
local function finalized(f)
  if newproxy then
    local p = newproxy(true)
    getmetatable(p).__gc = f
  else
    setmetatable({}, { __gc = f })
  end
end
local ran = 0
drive(function()
  finalized(function() ran = ran + 1 either(ask()) end)
  collectgarbage() collectgarbage()
end)
host.equal(ran, 1, "finalizers that ran")

-- a hook of the host
ran = 0
drive(function()
  local busy
  debug.sethook(function()
    if busy then return end
    busy = true
    ran = ran + 1
    either(ask())
    debug.sethook()
  end, "", 5)
  local n = 0
  for i = 1, 100 do n = n + i end
end)
host.equal(ran, 1, "hooks that ran")

-- outside any coroutine
either(ask())
settled()
host.equal(box:status(), "ready", "the box")
host.done()
