-- A callback raises errors of every type: the box may catch them, uncaught they reach the host as they were.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local values = host.module("host_values")

local box = sandbox.new { cpu = 10 }
local value
box:set("fail", function() error(value, 0) end)
box:set("failc", values.raise)

local function caught(v, check)
  value = v
  local ok, kind, back = box:dostring("local ok, e = pcall(fail) return ok, type(e), e")
  assert(ok == false, "the box did not see an error")
  check(kind, back)
  ok, back = pcall(box.dostring, box, "fail()")
  assert(not ok)
  check(type(back), back)
  host.equal(box:status(), "ready", "the box")
end

local function same(v)
  caught(v, function(kind, back)
    host.equal(kind, type(v), "type")
    host.equal(back, v, "value")
  end)
end

same("a plain string")
same("")
same("with a NUL \0 inside")
same(("long"):rep(2 ^ 18))
same(42)
same(-0.5)
same(true)
same(false)
-- Lua 5.5 puts a message in nil's place
caught(nil, function(kind) assert(kind == "nil" or kind == "string", kind) end)

caught({ code = 7, list = { 1, 2 } }, function(kind, back)
  host.equal(kind, "table", "type")
  assert(back.code == 7 and back.list[2] == 2)
end)
caught(setmetatable({ code = 8 }, { __tostring = function() error("thrown by __tostring") end }), function(kind, back)
  host.equal(kind, "table", "type")
  assert(back.code == 8 and getmetatable(back) == nil)
end)
caught(function() return "callable" end, function(kind, back)
  host.equal(kind, "function", "type")
  if type(back) == "function" then host.equal(back(), "callable", "a function sent home") end
end)

-- what cannot cross becomes an error that says so, never the object
for _, v in ipairs { values.new(), values.thrower(), values.light(), coroutine.create(function() end), { deep = { values.new() } } } do
  caught(v, function(kind, back)
    host.equal(kind, "string", "type of what stands in for it")
    assert(back:find("userdata") or back:find("coroutine") or back:find("thread"), back)
  end)
end

-- raised by C, and by error() with a position
value = nil
local ok, message = box:dostring("return pcall(failc, 'from C')")
assert(ok == false and message == "from C")
box:set("fail", function() error("positioned") end)
ok, message = box:dostring("return pcall(fail)")
assert(ok == false and message:find("raises%-every%-type%.lua:%d+: positioned$"), message)

-- the box raises the host's error on
ok, message = pcall(box.dostring, box, "local ok, e = pcall(fail) error(e, 0)")
assert(not ok and message:find("positioned$"), message)

host.done()
