-- Strings of no bytes, with NUL, and around the memory limit, in both directions: too large is an error of the box.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local limit = 2 ^ 20
local box = sandbox.new { memory = limit, cpu = 10 }
local echo = box:load("return ...")

for _, s in ipairs { "", "\0", "a\0b", ("\0"):rep(1000), ("\255\254"):rep(100), ("x"):rep(2 ^ 15) } do
  host.equal(echo(s), s, "echo")
  box:set("s", s)
  host.equal(box:get("s"), s, "get after set")
  host.equal(box:dostring("return #...", s), #s, "length inside")
  host.equal(echo({ [s .. "k"] = s })[s .. "k"], s, "as key and value")
end
box:set("s", nil)

local function too_large(n)
  local s = ("x"):rep(n)
  host.raises("not enough memory", function() box:set("s", s) end)
  host.raises("not enough memory", function() box:dostring("return #...", s) end)
  host.raises("not enough memory", echo, s)
  host.raises("not enough memory", echo, { { s } })
  box:set("f", function() return s end)
  host.raises("not enough memory", function() box:dostring("return f()") end)
  -- code and names are values of the box, too
  local ok, message = pcall(box.dostring, box, "return '" .. s .. "'")
  assert(not ok and tostring(message):find("not enough memory"), tostring(message))
  -- raised where the code finds no room, nil and a message where its compiled form does not
  local loaded, f, why = pcall(box.load, box, "return '" .. s .. "'")
  if not loaded then f, why = nil, f end
  assert(f == nil and tostring(why):find("not enough memory"), tostring(why))
  host.equal(box:status(), "ready", "status")
  host.equal(box:dostring("collectgarbage() return 'lives'"), "lives", "the box")
  host.equal(box:get("s"), nil, "the global")
  assert(box:usage().memory <= limit, "usage over the limit: " .. box:usage().memory)
end
for _, n in ipairs { limit - 1, limit, limit + 1, 2 * limit, 64 * limit } do too_large(n) end

-- out of the box: what it may hold it may return, the copy is the host's
local big = sandbox.new { memory = 16 * 2 ^ 20, cpu = 10 }
host.equal(#big:dostring("return ('x'):rep(2^20)"), 2 ^ 20, "a string from the box")
host.raises("not enough memory", function() big:dostring("return ('x'):rep(2^24 + 1)") end)
host.equal(big:status(), "ready", "status")

-- many small ones add up
host.raises("not enough memory", function()
  local parts = {}
  for i = 1, 40 do parts[i] = ("x"):rep(2 ^ 19) .. i end
  big:set("parts", parts)
end)
host.equal(big:dostring("collectgarbage() return 'lives'"), "lives", "the box")

-- freed again: the same crossing a hundred times is charged once
for _ = 1, 100 do big:set("s", ("y"):rep(2 ^ 20)) end
assert(big:usage().memory < 16 * 2 ^ 20)
host.equal(#big:get("s"), 2 ^ 20, "the last one")

host.done()
