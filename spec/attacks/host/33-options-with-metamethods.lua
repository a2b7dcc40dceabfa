-- Options whose metamethods throw, yield, change themselves or close the box under way: an error or nothing, read once.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function each(f)
  for _, name in ipairs { "__index", "__pairs", "__len", "__next" } do f(name) end
end

-- an error, or no effect: never a box that is half made
local function usable(ok, box)
  if ok then
    host.equal(box:dostring("return 1"), 1, "a box from odd options")
    host.equal(box:limits().memory, 64 * 2 ^ 20, "its memory limit")
  else
    assert(type(box) == "string", "an error that is a " .. type(box))
  end
end

each(function(name) usable(pcall(sandbox.new, setmetatable({}, { [name] = function() error("boom") end }))) end)
each(function(name)
  local options = setmetatable({}, { [name] = function() coroutine.yield() end })
  local co = coroutine.create(function() usable(pcall(sandbox.new, options)) return "end" end)
  local ok, what = coroutine.resume(co)
  assert(ok and (what == "end" or coroutine.status(co) == "suspended"), tostring(what))
end)
each(function(name)
  local options
  options = setmetatable({ memory = 2 ^ 22 }, { [name] = function(t)
    rawset(t, "memory", math.huge)
    for i = 1, 100 do rawset(t, "new" .. i, i) end
    return next, t, nil
  end })
  local ok, box = pcall(sandbox.new, options)
  if ok then host.equal(box:limits().memory, 2 ^ 22, "memory, read once") else assert(type(box) == "string") end
end)

-- the box under way is closed, used or limited by the metamethod
each(function(name)
  local box = sandbox.new { cpu = 5 }
  pcall(box.limits, box, setmetatable({ cpu = 1 }, { [name] = function() box:close() end }))
  if box:status() == "closed" then
    host.raises("sandbox is closed", function() box:dostring("return 1") end)
  else
    host.equal(box:dostring("return 1"), 1, "the box")
  end
  local other = sandbox.new { cpu = 0.3 }
  pcall(other.limits, other, setmetatable({ cpu = 0.4 }, { [name] = function() return other:limits { memory = 2 ^ 22 } end }))
  pcall(other.limits, other, setmetatable({ cpu = 0.4 }, { [name] = function() return other:dostring("while true do end") end }))
  assert(other:limits().cpu < 1, "cpu was lifted")
end)

-- an environment and arguments with metamethods
each(function(name)
  local box = sandbox.new()
  local odd = setmetatable({ HOME = "/inside" }, { [name] = function() box:close() end })
  pcall(box.env, box, odd)
  if box:status() ~= "closed" then
    local ok, home = pcall(box.dostring, box, "return os.getenv('HOME')")
    assert((ok and home == "/inside") or (not ok and type(home) == "string"), tostring(home))
  end
end)

-- collected, or closed by a finalizer, in the middle of reading
local box = sandbox.new()
local options = setmetatable({}, { __index = function() collectgarbage() end, __pairs = function(t) collectgarbage() return next, t end })
usable(pcall(sandbox.new, options))
pcall(box.limits, box, options)
host.equal(box:dostring("return 1"), 1, "the box")

host.done()
