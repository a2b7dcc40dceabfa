-- Each function with no, wrong and too many arguments and with a wrong self: an error in stock wording that names it.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local values = host.module("host_values")

local box = sandbox.new { cpu = 10 }

-- with the wording of the manual
host.raises("bad argument #1 to 'dofile' %(string expected, got table%)", function() box:dofile({}) end)
host.raises("bad argument #1 to 'dostring' %(string expected, got nil%)", function() box:dostring(nil) end)
host.raises("bad argument #1 to 'dostring' %(string expected, got no value%)", function() box:dostring() end)
host.raises("bad argument #1 to 'new' %(table expected, got string%)", function() sandbox.new("memory") end)
host.raises("bad argument #1 to 'newstream' %(function expected, got number%)", function() sandbox.newstream(1) end)

-- called by its own name, which stock messages find in the calling code
local function by_name(name)
  return host.loadstring(("local box, a, b = ... local r = box:%s(a, b) return r"):format(name))
end
local function without(name) return host.loadstring(("local box = ... local r = box:%s() return r"):format(name)) end

-- wrong in the first place, for each function
local wrong = { dofile = true, dostring = true, load = true, get = true, set = true }
for name in pairs(wrong) do
  for _, v in ipairs { {}, true, coroutine.create(function() end), values.new(), io.stdout } do
    host.raises("bad argument #1 to '" .. name .. "'", by_name(name), box, v)
  end
  host.raises("bad argument #1 to '" .. name .. "'", without(name), box)
end
for _, name in ipairs { "stdin", "stdout", "stderr" } do
  for _, v in ipairs { 1, "x", {}, true, print, values.new(), box } do
    host.raises("bad argument #1 to '" .. name .. "'", by_name(name), box, v)
  end
end
for _, v in ipairs { 1, "x", true, coroutine.create(function() end), values.new() } do
  host.raises("bad argument #1 to 'env'", function() box:env(v) end)
  host.raises("bad argument #1 to 'limits'", function() box:limits(v) end)
  host.raises("bad argument #1 to 'new'", function() sandbox.new(v) end)
  host.raises("bad argument #2 to 'run'", function() sandbox.run("return 1", v) end)
end
host.raises("bad argument #1 to 'run'", function() sandbox.run() end)
host.raises("bad argument #1 to 'run'", function() sandbox.run({}) end)
host.raises("bad argument #2 to 'newstream'", function() sandbox.newstream(nil, {}) end)
host.raises("bad argument #3 to 'newstream'", function() sandbox.newstream(nil, nil, "x") end)
host.raises("bad argument #2 to 'load'", function() box:load("return 1", {}) end)

-- a wrong self; a handle of another state cannot be had: userdata crosses no wall and states share none
local methods = { "stdin", "stdout", "stderr", "env", "opensandbox", "dofile", "dostring", "load", "get", "set", "limits", "usage", "status",
  "traceback", "close" }
-- stock wording has two forms, by how the function was called
local function bad_self(name, ...)
  local message = host.raises("'" .. name .. "'", ...)
  assert(message:find("bad argument #%d to") or message:find("on bad self"), message)
end
for _, name in ipairs(methods) do
  assert(type(box[name]) == "function", name)
  local functions = { [name] = box[name] }
  local f = host.loadstring(("local functions, self, code = ... local r = functions.%s(self, code) return r"):format(name))
  local alone = host.loadstring(("local functions = ... local r = functions.%s() return r"):format(name))
  for _, self in ipairs { 1, "x", {}, true, print, coroutine.create(function() end), values.new(), values.light(), io.stdout, values.thrower() } do
    bad_self(name, f, functions, self, "return 1")
  end
  bad_self(name, f, functions, nil)
  bad_self(name, alone, functions)
end

-- too many are ignored, as stock functions do
host.equal(box:status(1, 2, 3), "ready", "status")
host.equal(type(box:usage({}, print)), "table", "usage")
box:set("x", 1, 2, 3)
host.equal(box:get("x", "y"), 1, "get")
host.equal(box:dostring("return select('#', ...)", host.unpack({}, 1, 200)), 200, "200 arguments")
box:dostring("return 1", host.unpack({}, 1, 500))
box:close(1, 2)
host.equal(box:status(), "closed", "status")

host.done()
