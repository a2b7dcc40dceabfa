-- A granted directory is removed, renamed, replaced or unmounted from under a box, and the process runs out of descriptors: ordinary errors.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local dir = os.tmpname()
os.remove(dir)
local function sh(script) assert(os.execute((script:gsub("%$D", dir)))) end
sh "mkdir -p $D/in $D/other && echo inside > $D/in/a && echo other > $D/other/a"

local box = sandbox.new { files = { ["/"] = { path = dir .. "/in", write = true } } }
local function open(name, mode) return box:dostring("local f, m, e = io.open(...) return f and f:read('*l') or f and true, m, e", name, mode) end
local function missing(name, mode)
  local result, message, number = open(name, mode)
  assert(result == nil, name .. " was opened")
  assert(message == name .. ": No such file or directory" and number == 2, message)
end

host.equal(open "a", "inside")
-- renamed, and another put in its place: the box keeps the one that was granted
sh "mv $D/in $D/renamed && mv $D/other $D/in"
host.equal(open "a", "inside")
-- replaced by a link to elsewhere
sh "mv $D/in $D/other && ln -s /etc $D/in"
host.equal(open "a", "inside")
missing "passwd"
-- a file of the box's own, open while all goes
box:dostring "f = assert(io.open('a', 'r+'))"
sh "rm -rf $D/renamed"
missing "a"
missing("new", "w")
missing("new", "a+")
host.equal(box:dostring "f:write('still') f:seek('set') return f:read('*l')", "stille")
assert(box:dostring "return (loadfile('a')) == nil")
assert(not pcall(box.dostring, box, "dofile('a')"))
assert(not pcall(box.dostring, box, "io.lines('a')"))
assert(not pcall(box.dostring, box, "io.output('new')"))
host.equal(box:status(), "ready")

-- a box made below it by a callback, while the directory goes
sh "mkdir $D/late"
local late
local maker = sandbox.new()
maker:set("make", function()
  late = sandbox.new { files = { ["/"] = { path = dir .. "/late", write = true } } }
  sh "rmdir $D/late"
end)
maker:dostring "make()"
assert(late:dostring "return (io.open('x', 'w')) == nil")
late:close()
maker:close()

-- no descriptors left in the whole process
local code, output = host.child(([[
  local sandbox = require "sandbox"
  local box = sandbox.new { files = { ["/"] = { path = %q, write = true } } }
  box:limits { files = math.huge }
  local n, message, number = box:dostring("t = {} while true do local f, m, e = io.open('x', 'a') if not f then return #t, m, e end t[#t + 1] = f end")
  assert(n > 5 and n < 40, n)
  assert(message == "x: Too many open files" and number == 24, message)
  local ok, why = pcall(sandbox.new, { files = { ["/"] = %q } })
  assert(not ok and why:find("Too many open files", 1, true), why)
  assert(box:dostring("return (io.open('x')) == nil and loadfile('x') == nil"))
  assert(box:status() == "ready")
  box:close()
  assert(sandbox.run("return io.open('x') ~= nil", { files = { ["/"] = %q } }))
  print "survived"
]]):format(dir, dir, dir), "ulimit -n 40;")
assert(code == 0 and output:find("survived"), "exit code " .. tostring(code) .. ": " .. tostring(output))

box:close()
os.execute("rm -rf " .. dir)
host.done()
