-- Two copies of the module in one process, the module reloaded, and one in each of several OS threads: all work.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox
local threads = host.module("host_threads")

-- required anew: another module table, or the same; both work, handles of either are of one type
package.loaded.sandbox = nil
local again = require "sandbox"
local old, new = sandbox.new { cpu = 5 }, again.new { cpu = 5 }
host.equal(old:dostring("return 1"), 1, "a box made before")
host.equal(new:dostring("return 2"), 2, "a box made after")
host.equal(tostring(new):match("^sandbox: 0x"), "sandbox: 0x", "tostring")

-- a second copy of the library itself
local path
for template in package.cpath:gmatch("[^;]+") do
  local name = template:gsub("%?", "sandbox")
  local f = io.open(name, "rb")
  if f then
    f:close()
    path = name
    break
  end
end
local copy = host.tmp("")
assert(os.execute(("cp '%s' '%s'"):format(path, copy)))
local opened = assert(package.loadlib(copy, "luaopen_sandbox"))
local second = opened("sandbox") or package.loaded.sandbox
assert(type(second) == "table" and second.new, "the second copy gave no module")
package.loaded.sandbox = sandbox

local function loops(module)
  local box = module.new { cpu = 0.05 }
  local ok, message = pcall(box.dostring, box, "while true do end")
  assert(not ok and tostring(message):find("cpu limit"), tostring(message))
  return box
end
local function faults(module)
  local box = module.new { cpu = 5 }
  local ok = pcall(box.dostring, box, "local s = 'x' local function down() return (s:gsub('x', down)) end return down()")
  assert(not ok)
  return box
end
for _ = 1, 3 do
  for _, module in ipairs { sandbox, second, again } do
    loops(module):close()
    faults(module):close()
    host.equal(module.run("return 1 + 1"), 2, "run")
  end
end

-- one inside the callback of the other, each with a stop
local outer, inner = sandbox.new { cpu = 5 }, second.new { cpu = 5 }
outer:set("inner", function() return inner:dostring("return outer()") end)
inner:set("outer", function() loops(sandbox) loops(second) return 7 end)
host.equal(outer:dostring("return inner()"), 7, "one copy inside the other")
local short = second.new { cpu = 0.05 }
outer:set("stop", function() return pcall(short.dostring, short, "while true do end") end)
host.equal(outer:dostring("return (stop())"), false, "a stop of the one inside the other")

-- handles of one copy are no selves of the other: an error or the same thing, never a crash
for name in pairs { dostring = 1, usage = 1, close = 1, status = 1 } do
  local a, b = sandbox.new(), second.new()
  local ok, message = pcall(a[name], b, "return 1")
  assert(ok or type(message) == "string", name)
  ok, message = pcall(b[name], a, "return 1")
  assert(ok or type(message) == "string", name)
end
local stream = second.newstream(function() return "line\n" end)
outer:stdin(stream)
host.equal(outer:dostring("return io.read()"), "line", "a stream of the other copy")

-- a state for each of several OS threads, at once
local chunk = [[
  local sandbox = require "sandbox"
  for i = 1, 30 do
    local box = sandbox.new {cpu = 0.02}
    assert(not pcall(box.dostring, box, "while true do end"))
    local _, kind = box:status()
    assert(kind == "cpu")
    box:close()
    assert(sandbox.run("return ...", nil, i) == i)
    local deep = sandbox.new {cpu = 5}
    assert(not pcall(deep.dostring, deep, "local function f() return (('x'):gsub('x', f)) end return f()"))
  end
  return "done"
]]
for _, kilobytes in ipairs { 0, 256 } do
  for i, result in ipairs(threads.states(kilobytes, chunk, chunk, chunk, chunk)) do
    assert(result.ok and result.result == "done", ("thread %d (%d KB): %s"):format(i, kilobytes, result.result))
  end
end

-- states of threads alone: the last one that closes may unload the library
local code, output = host.child([[
  local threads = require "host_threads"
  local chunk = "local s = require('sandbox') local ok, e = pcall(s.run, 'while true do end', {cpu = 0.05}) return tostring(e)"
  for _ = 1, 5 do
    local all = threads.states(0, chunk, chunk)
    assert(all[1].result:find("cpu limit") and all[2].result:find("cpu limit"), all[1].result)
  end
  print("lives")
]])
assert(code == 0 and output == "lives\n", ("exit code %d: %s"):format(code, output))

-- threads that come and go, one after the other
for _ = 1, 30 do
  local result = threads.states(0, "return require('sandbox').run('return 9')")[1]
  assert(result.ok and result.result:find("^9"), result.result)
end
assert(host.threads() <= 8, "threads that stay: " .. host.threads())

host.done()
