-- The debug library strips the metatable, runs __gc by hand, swaps environments and user values: errors, no double free.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- what each method does with a handle that is not what it was
local methods = { "stdin", "stdout", "stderr", "env", "opensandbox", "dofile", "dostring", "load", "get", "set", "limits", "usage", "status",
  "traceback", "close" }
local function every_method(box, from)
  for _, name in ipairs(methods) do
    local ok, message = pcall(from[name], box, "return 1")
    assert(ok or type(message) == "string", name)
  end
end

local whole = sandbox.new()
local mt = debug.getmetatable(whole)
assert(type(mt) == "table", "a handle without a metatable")

-- __gc by hand, twice, and then in earnest
for _, name in ipairs { "__gc", "__close" } do
  local f = rawget(mt, name)
  if f then
    local box = sandbox.new()
    local proxy = box:load("return 1")
    for _ = 1, 3 do
      local ok, message = pcall(f, box)
      assert(ok or type(message) == "string")
    end
    host.equal(box:status(), "closed", "after " .. name)
    host.raises("closed", proxy)
    every_method(box, whole)
    -- on what is no handle
    for _, v in ipairs { 1, "x", {}, print, io.stdout, true } do
      local ok, message = pcall(f, v)
      assert(ok or type(message) == "string")
    end
    pcall(f)
    pcall(f, nil)
    -- while it runs
    local running = sandbox.new { cpu = 2 }
    running:set("gone", function() pcall(f, running) pcall(f, running) end)
    local ok, message = pcall(running.dostring, running, "gone() while true do end")
    assert(not ok and type(message) == "string")
    running:close()
  end
end
whole = sandbox.new()

-- without its metatable, and with another's
local stripped = sandbox.new()
debug.setmetatable(stripped, nil)
every_method(stripped, whole)
assert(tostring(stripped):find("^userdata"))
debug.setmetatable(stripped, mt)
host.equal(stripped:dostring("return 1"), 1, "with its metatable back")
debug.setmetatable(stripped, debug.getmetatable(io.stdout))
every_method(stripped, whole)
debug.setmetatable(stripped, nil)
stripped = nil -- luacheck: ignore

-- other things with a handle's metatable
for _, v in ipairs { io.tmpfile(), {} } do
  local old = debug.getmetatable(v)
  debug.setmetatable(v, mt)
  if type(v) == "table" then every_method(v, whole) end
  debug.setmetatable(v, old)
end

-- stripped while it runs
local running = sandbox.new { cpu = 2 }
running:set("strip", function() debug.setmetatable(running, nil) collectgarbage() end)
local run = running.dostring
local ok, what = pcall(run, running, "strip() return 5")
assert((ok and what == 5) or type(what) == "string", tostring(what))
debug.setmetatable(running, mt)
host.equal(running:dostring("return 6"), 6, "afterwards")

-- the metatable itself is changed: methods gone, __index and __gc replaced, then restored
local kept = host.copy(mt)
for name in pairs(kept) do mt[name] = nil end
local odd = sandbox.new()
assert(type(odd) == "userdata")
pcall(function() return odd:dostring("return 1") end)
odd = nil -- luacheck: ignore
collectgarbage()
for name, value in pairs(kept) do mt[name] = value end
host.equal(whole:dostring("return 1"), 1, "with the metatable restored")

-- user values and environments: of a handle, then of its methods
local function still_answers(swap)
  local box = sandbox.new()
  box:set("cb", function() return 7 end)
  box:stdin(sandbox.newstream(function() return "line\n" end))
  box:env(function(name) return name end)
  local f = box:load("return cb()")
  swap(box)
  for _, code in ipairs { "return cb()", "return io.read()", "return os.getenv('X')", "return function() end", "return 1" } do
    local done, message = pcall(box.dostring, box, code)
    assert(done or type(message) == "string", code)
  end
  for _, use in ipairs { f, function() box:set("g", print) end, function() return box:get("cb") end, function() return box:stdin() end,
    function() return box:env() end, function() box:stdin(nil) end } do
    local done, message = pcall(use)
    assert(done or type(message) == "string")
  end
  box:close()
  for _ = 1, 2 do collectgarbage() end
end
if debug.setuservalue then
  for _, v in ipairs { {}, print, "x", 5, false } do
    still_answers(function(box) pcall(debug.setuservalue, box, v or nil) end)
    still_answers(function(box) pcall(debug.setuservalue, box, { { v }, v }) end)
    for n = 2, 4 do still_answers(function(box) pcall(debug.setuservalue, box, v, n) end) end
  end
end
if debug.setfenv then
  still_answers(function(box) debug.setfenv(box, {}) end)
  still_answers(function(box) debug.setfenv(box, _G) end)
  still_answers(function(box) debug.setfenv(box, { { 1 }, 2, print }) end)
  still_answers(function(box)
    for _, name in ipairs(methods) do pcall(debug.setfenv, box[name], {}) end
  end)
end

-- the registry: every entry that a host could reach by debug.getregistry, whose names are ours, is taken away
local again = sandbox.new()
again:set("cb", function() return 8 end)
local proxy = again:load("return cb()")
local registry = debug.getregistry()
local taken = {}
for k, v in pairs(registry) do
  if type(k) == "string" and k:lower():find("sandbox") then taken[k] = v end
end
for k in pairs(taken) do registry[k] = nil end
ok, what = pcall(again.dostring, again, "return cb()")
assert(ok or type(what) == "string")
ok, what = pcall(proxy)
assert(ok or type(what) == "string")
ok, what = pcall(sandbox.new)
assert(ok or type(what) == "string")
for k, v in pairs(taken) do registry[k] = v end
host.equal(proxy(), 8, "with the registry restored")

host.done()
