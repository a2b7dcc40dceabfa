-- The box has poisoned its string metatable, its globals and _G: the host's strings work, get, set and run are raw or limited.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local poison = [[
  local spin = function() while true do end end
  local G, raw, set, next, strings = _G, rawset, setmetatable, next, getmetatable("")
  strings.__index = set({}, {__index = spin})
  strings.__concat = spin
  strings.__call = spin
  for _, name in next, {"tostring", "error", "pcall", "xpcall", "type", "next", "pairs", "select", "assert", "load", "loadstring",
      "getmetatable", "rawget", "rawset", "unpack", "ipairs", "print", "require", "setmetatable"} do
    raw(G, name, spin)
  end
  for _, name in next, {"string", "table", "io", "os", "debug", "coroutine", "math", "package"} do raw(G, name, nil) end
  set(G, {__index = spin, __newindex = spin, __pairs = spin, __len = spin, __tostring = spin, __metatable = spin, __call = spin})
]]

local function poisoned()
  local box = sandbox.new { cpu = 0.3, wall = 5 }
  box:dostring("kept = 1")
  box:dostring(poison)
  return box
end

local function strings_work()
  assert(("x"):upper() == "X" and ("%d"):format(5) == "5" and #("ab" .. "c") == 3)
  assert(getmetatable("").__concat == nil and getmetatable("").__call == nil and getmetatable("").__index == string)
  assert(tostring(1) == "1" and select("#", 1, 2) == 2 and pcall(error) == false)
end

-- each use of the handle: a result, or an error within the limits
for _, use in ipairs {
  function(box) return box:get("kept") end,
  function(box) return box:get("missing") end,
  function(box) return box:set("new", "value") end,
  function(box) return box:set("kept", { "table", f = print }) end,
  function(box) return box:dostring("return 1") end,
  function(box) return box:dostring("return missing") end,
  function(box) return box:dostring("local x = nil; return x.y") end,
  function(box) return box:dostring("return ...", "argument", { 1 }, print) end,
  function(box) return box:load("return 1")() end,
  function(box) return box:load("syntax error here") end,
  function(box) return box:dofile(host.tmp("return 1")) end,
  function(box) return box:opensandbox() end,
  function(box) return box:traceback() end,
  function(box) return box:usage() end,
  function(box) return box:limits({ cpu = 0.5 }) end,
  function(box) return box:stdout(io.stdout) end,
  function(box) return box:env({}) end,
} do
  local box = poisoned()
  host.within(10, function()
    local ok, message = pcall(use, box)
    assert(ok or type(message) == "string", "an error that is a " .. type(message))
  end)
  strings_work()
  assert(type(box:status()) == "string")
  box:close()
end

-- raw: globals are read and written without the metamethods of _G
local box = poisoned()
host.equal(box:get("kept"), 1, "a global")
host.equal(box:get("missing"), nil, "a missing global")
box:set("new", 5)
host.equal(box:get("new"), 5, "a new global")
host.equal(box:dostring("return kept"), 1, "in a chunk")
box:close()

-- a box that poisons what the library itself might use: error functions, tracebacks, the registry's names
box = sandbox.new { cpu = 0.5 }
box:dostring("debug.traceback = function() while true do end end os.exit = nil coroutine.wrap = error io.write = nil print = nil")
host.within(10, function() host.raises("x", function() box:dostring("error('x')") end) end)
assert(box:traceback() == nil or type(box:traceback()) == "string")
strings_work()

-- and one in a box below another
box = sandbox.new { cpu = 2 }
box:opensandbox()
host.equal(box:dostring([[
  local below = sandbox.new {cpu = 0.2}
  below:dostring(...)
  pcall(below.dostring, below, "return missing")
  below:close()
  return ("x"):upper()
]], poison), "X", "strings in the box above")

host.done()
