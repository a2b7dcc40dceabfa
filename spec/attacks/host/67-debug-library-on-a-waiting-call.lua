-- The host's debug library gets at what stands for a waiting call, and at the functions behind the methods: errors, never a crash.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function token_of(co)
  for level = 0, 5 do
    if not debug.getinfo(co, level, "f") then break end
    for _, first in ipairs { 1, -1 } do
      for i = first, first * 20, first do
        local ok, name, value = pcall(debug.getlocal, co, level, i)
        if not ok or not name then break end
        if type(value) == "userdata" and value ~= io.stdout and not tostring(value):find("^sandbox") then return value end
      end
    end
  end
end

local function waiting()
  local box = sandbox.new { cpu = 10 }
  box:set("stop", coroutine.yield)
  local co = coroutine.create(function() return box:dostring("return stop()") end)
  assert(coroutine.resume(co))
  return box, co
end

local box, co = waiting()
local token = token_of(co)
if token then
  local meta = debug.getmetatable(token)
  for _, junk in ipairs { 1, "x", {}, io.stdout, box, print } do pcall(meta.__gc, junk) end
  pcall(meta.__gc)
  host.equal(box:status(), "running", "the box")
  -- given up behind the call's back
  meta.__gc(token)
  meta.__gc(token)
  host.equal(box:status(), "ready", "the box")
  local ok, message = coroutine.resume(co, 1)
  assert(not ok and type(message) == "string", tostring(message))
end

-- the functions behind a method, called out of turn
local function upvalues(f, seen)
  for i = 1, 20 do
    local name, value = debug.getupvalue(f, i)
    if not name then break end
    if type(value) == "function" and not seen[value] then
      seen[#seen + 1], seen[value] = value, true
      upvalues(value, seen)
    end
  end
  return seen
end
box, co = waiting()
token = token_of(co)
local functions = upvalues(box.dostring, {})
upvalues(box:load("return 1"), functions)
for _, f in ipairs(functions) do
  if f ~= pcall then
    for _, first in ipairs { 1, "x", {}, io.stdout, box, false } do
      pcall(f, first)
      pcall(f, first, "return 1")
      coroutine.wrap(function() pcall(f, first, true, f) end)()
    end
    if token then
      pcall(f, token)
      pcall(f, token, true, 1)
      pcall(f, token, false, "x")
    end
  end
end
pcall(coroutine.resume, co, 1)
pcall(coroutine.resume, co, 2)
for _ = 1, 4 do collectgarbage() end
host.equal(box:dostring("return 2"), 2, "the box")

-- a hook in the waiting coroutine, its traceback and its environment
box, co = waiting()
local lines = 0
debug.sethook(co, function() lines = lines + 1 end, "l")
assert(debug.traceback(co):find("traceback"))
host.equal(select(2, coroutine.resume(co, "fine")), "fine", "the answer")
host.equal(box:status(), "ready", "the box")
host.done()
