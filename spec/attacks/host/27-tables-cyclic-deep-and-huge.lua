-- Cyclic, 100,000 deep, huge and metatabled tables in both directions: bounded copies or errors, no metamethod runs.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 30 }
local echo = box:load("return ...")

-- cycles and sharing are kept
local cyclic = { name = "c" }
cyclic.self = cyclic
cyclic.pair = { cyclic, cyclic }
cyclic[cyclic] = "by key"
local back = echo(cyclic)
assert(back.self == back and back.pair[1] == back and back[back] == "by key" and back ~= cyclic)
local shared = {}
local two = echo({ shared, shared })
assert(two[1] == two[2])
back = box:dostring("local t = {} t.t = t t[t] = t return t")
assert(back.t == back and back[back] == back)

-- deep, both ways: through, or an ordinary error
local function depth_of(t)
  local n = 0
  while t do
    n = n + 1
    t = t.next
  end
  return n
end
local function deep(n)
  local t
  for _ = 1, n do t = { next = t } end
  return t
end
for _, n in ipairs { 500, 100000 } do
  local ok, got = pcall(echo, deep(n))
  if ok then host.equal(depth_of(got), n, "depth") else assert(type(got) == "string", "depth error") end
  ok, got = pcall(box.dostring, box, "local t for _ = 1, ... do t = {next = t} end return t", n)
  if ok then host.equal(depth_of(got), n, "depth") else assert(type(got) == "string", "depth error") end
  assert(n > 500 or ok, "500 levels did not cross: " .. tostring(got))
end
host.equal(box:status(), "ready", "after deep tables")

-- as keys, deep: a table whose key is a table whose key is ...
local keys = {}
for _ = 1, 10000 do keys = { [keys] = true } end
local ok, got = pcall(echo, keys)
assert((ok and type(got) == "table") or (not ok and type(got) == "string"))

-- ten million elements do not fit in 64 MiB: the box's own error, and the host survives
local huge = {}
for i = 1, 1e7 do huge[i] = i end
ok, got = pcall(box.set, box, "huge", huge)
assert(not ok and tostring(got):find("not enough memory"), tostring(got))
ok, got = pcall(echo, huge)
assert(not ok and tostring(got):find("not enough memory"), tostring(got))
huge = nil
collectgarbage()
host.equal(box:dostring("return 1"), 1, "after a huge table")
ok, got = pcall(box.dostring, box, "local t = {} for i = 1, 1e7 do t[i] = {i} end return t")
assert(not ok and tostring(got):find("not enough memory"), tostring(got))
host.equal(box:dostring("collectgarbage() return 2"), 2, "after a huge table of its own")
assert(huge == nil)

-- the host's metamethods do not run for the box, the box's not for the host
local ran = 0
local function counts() ran = ran + 1 error("a metamethod ran") end
local mt = { __index = counts, __newindex = counts, __len = counts, __pairs = counts, __ipairs = counts, __tostring = counts,
  __eq = counts, __call = counts, __metatable = counts }
local guarded = setmetatable({ 1, 2, x = 3, inner = setmetatable({ 4 }, mt) }, mt)
local copied = box:dostring("local t = ... return #t, t.missing, t.x, t.inner[1], getmetatable(t), t", guarded)
host.equal(copied, 2, "raw length")
host.equal(ran, 0, "metamethods of the host that ran")
local limited = sandbox.new { cpu = 0.5 }
host.within(10, function()
  local t = limited:dostring [[
    local function spin() while true do end end
    local mt = {}
    for _, name in ipairs {"__index", "__newindex", "__len", "__pairs", "__ipairs", "__eq", "__metatable", "__tostring"} do mt[name] = spin end
    return setmetatable({1, 2, inner = setmetatable({3}, mt)}, mt)
  ]]
  assert(#t == 2 and t.inner[1] == 3 and getmetatable(t) == nil and getmetatable(t.inner) == nil)
end)

-- changed by a callback while it crosses: there is no moment for that, but a weak table may lose entries
local weak = setmetatable({}, { __mode = "kv" })
for i = 1, 1000 do weak[i] = { i } end
local got_weak = echo(weak)
assert(type(got_weak) == "table")

host.done()
