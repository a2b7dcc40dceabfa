-- Random values for the driver: of every type that crosses the wall, and of some that don't.
local soak = ...
local random, one_in, pick = soak.random, soak.one_in, soak.pick

local values = {}

local NUMBERS = { 0, 1, -1, 2, 3, 7, 255, 256, 65536, 2 ^ 31, 2 ^ 53, -2 ^ 63, 0.1, -0.5, 1e308, 5e-324, math.huge, -math.huge }
local STRINGS = { "", "x", "nul\0inside", "1", "0x10", "return 1", "v1", "cb", "cpu", "*a", "%d%s", "\255\254", "a line\n", "two\nlines\n",
  "=[C]", "error('raised', 0)", "local x <const> = 1 return x", "\27Lua", "\27LJ\2", "goto x", "return ..." }

local long = ("0123456789abcdef"):rep(1024)

function values.number()
  local n = pick(NUMBERS)
  if one_in(2) then n = random(1000) - 500 end
  if math.type and one_in(2) then n = math.tointeger(n) or n end
  return n
end

function values.string()
  if one_in(8) then return long:sub(1, random(one_in(10) and #long or 300)) end
  return pick(STRINGS)
end

--- Crosses, and is equal to itself after.
function values.scalar()
  local kind = random(6)
  if kind == 1 then return one_in(2) end
  if kind <= 3 then return values.number() end
  return values.string()
end

--- A tree: small, rarely deep.
function values.tree(depth)
  local t = {}
  for i = 1, random(4) - 1 do t[i] = values.scalar() end
  for _ = 1, random(3) - 1 do
    local inner = values.scalar()
    if depth > 0 and one_in(3) then inner = values.tree(depth - 1) end
    t[values.string()] = inner
  end
  return t
end

--- Whether two values are the same, trees compared by content. No `pairs`: a finalizer may run this, and there Debian's LuaJIT loops
-- for ever in a compiled `pairs` that meets another type of value (LuaJIT issue 1000, mended upstream since).
function values.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  local key, value = next(a)
  while key ~= nil do
    if not values.same(value, b[key]) then return false end
    key, value = next(a, key)
  end
  key = next(b)
  while key ~= nil do
    if a[key] == nil then return false end
    key = next(b, key)
  end
  return true
end

--- What the model may keep: a scalar or a tree.
function values.plain()
  if one_in(6) then return values.tree(3) end
  return values.scalar()
end

local function deep(n)
  local t = {}
  for _ = 1, n do t = { t } end
  return t
end

-- A file that crosses nowhere; what is written to it is lost.
local device = assert(io.open("/dev/null", "r+"))

local chained = setmetatable({}, { __index = function() error("an __index of the host ran") end, __newindex = error, __len = error,
  __call = error, __metatable = "locked" })

-- Made when they are drawn. Streams, functions and boxes are added by the driver.
values.ODD = {
  function() return nil end,
  function() return 0 / 0 end,
  function() return function(...) return ... end end,
  function() return pcall end,
  function() return coroutine.create(function() end) end,
  function() return device end,
  function() return { inner = { device } } end,
  function() return { coroutine.create(function() return 1 end) } end,
  function() local t = {} t[1], t.self = t, t return t end,
  function() return deep(random(300)) end,
  function() return chained end,
  function() return { [function() end] = 1 } end,
  function() return { f = function() return 1 end, g = print } end,
  function() return long:rep(random(8)) end,
  function() return { memory = values.number(), cpu = values.number(), wall = values.number() } end,
  function() return { [values.string()] = values.scalar(), depth = random(12) } end,
  function() return { per = one_in(2) and "call" or values.scalar(), output = values.number() } end,
}

function values.any()
  if one_in(2) then return values.plain() end
  return pick(values.ODD)()
end

--- Up to `most` of them, and how many.
function values.several(most)
  local n = random(most + 1) - 1
  local list = {}
  for i = 1, n do list[i] = values.any() end
  return n, list
end

return values
