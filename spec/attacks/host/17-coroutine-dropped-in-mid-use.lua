-- A host coroutine that uses a box is dropped while suspended: the box stays closable and usable, nothing leaks.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function settle()
  for _ = 1, 4 do collectgarbage() end
end

-- suspended between two calls, the box held only by the coroutine
local weak = setmetatable({}, { __mode = "k" })
local function suspended()
  local co = coroutine.wrap(function()
    local box = sandbox.new()
    weak[box] = true
    box:dostring("x = 1")
    coroutine.yield(box:get("x"))
    box:dostring("x = 2")
  end)
  host.equal(co(), 1, "the first half")
end
for _ = 1, 50 do suspended() end
settle()
assert(next(weak) == nil, "boxes of dropped coroutines stay")

-- the box is held outside, its coroutine is not; the box waits for a callback that has yielded
local box = sandbox.new()
box:set("stop", function() coroutine.yield("suspended") end)
for _ = 1, 50 do
  local co = coroutine.wrap(function()
    box:dostring("stop()")
    error("a coroutine that nobody resumes went on")
  end)
  host.equal(co(), "suspended", "the coroutine")
end
host.equal(box:status(), "running", "the box")
settle()
host.equal(box:status(), "ready", "the box")
host.equal(box:dostring("return 1"), 1, "the box afterwards")

-- streams, functions and callbacks made in a coroutine that is gone
local made = coroutine.wrap(function()
  box:stdout(sandbox.newstream(nil, function(s) made_text = (made_text or "") .. s end)) -- luacheck: ignore
  box:stdin(sandbox.newstream(function() return "a line\n" end))
  box:set("cb", function(x) return x + 1 end)
  box:env(function(name) return name .. "!" end)
  return box:load("io.write(io.read()) io.stdout:flush() return cb(1), os.getenv('E')")
end)()
settle()
local n, e = made()
host.equal(n, 2, "callback of a gone coroutine")
host.equal(e, "E!", "environment of a gone coroutine")
host.equal(rawget(_G, "made_text"), "a line", "streams of a gone coroutine")

-- dropped while the box is stopped
box = sandbox.new { cpu = 0.05 }
local co = coroutine.wrap(function()
  pcall(box.dostring, box, "while true do end")
  coroutine.yield()
end)
co()
co = nil
settle()
host.stopped(box, "cpu")
box:close()
assert(co == nil)

host.done()
