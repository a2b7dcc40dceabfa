-- Numbers at the edges cross as they are: integers stay integers, floats floats, nan and inf and -0.0 too.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new()
local echo = box:load("return ...")
local kind = math.type or function() return "number" end

local function same(a, b)
  if a ~= a then return b ~= b end
  return a == b and (a ~= 0 or 1 / a == 1 / b) and kind(a) == kind(b)
end

local edges = { 0, 1, -1, 2 ^ 53, 2 ^ 53 + 1, -2 ^ 53 - 1, 2 ^ 63, -2 ^ 63, 2 ^ 64, 0.1, 1e308, -1e308, 5e-324, 2 ^ -1074, 1 / 0, -1 / 0, 0 / 0,
  -(0 / 0), 2 ^ 31, 2 ^ 31 - 1, -2 ^ 31, 2 ^ 32 }
edges[#edges + 1] = tonumber("-0.0")
if math.type then
  for _, v in ipairs { math.maxinteger, math.mininteger, math.maxinteger - 1, 3, 3.0, 0, -0.0, math.tointeger(2 ^ 53) + 1 } do
    edges[#edges + 1] = v
  end
end

for i, v in ipairs(edges) do
  local what = ("edge %d (%s)"):format(i, tostring(v))
  assert(same(v, echo(v)), what .. " by echo")
  box:set("v", v)
  assert(same(v, box:get("v")), what .. " by set and get")
  assert(same(v, echo({ { v } })[1][1]), what .. " in a table")
  local host_sees
  box:set("cb", function(x) host_sees = x return x end)
  assert(same(v, box:dostring("return cb(...)", v)) and same(v, host_sees), what .. " by a callback")
  if v == v then
    local t = echo({ [v] = "key" })
    host.equal(t[v], "key", what .. " as a key")
    host.equal(kind((next(t))), kind((next({ [v] = "key" }))), what .. " as a key keeps its type")
  end
  local ok, raised = pcall(box.dostring, box, "local v = ... error(v, 0)", v)
  assert(not ok and same(v, raised), what .. " as an error")
end

-- made inside, without passing the host's own parser
local nan, inf, zero, third = box:dostring("return 0/0, 1/0, -1/math.huge, 1/3")
assert(nan ~= nan and inf == math.huge and 1 / zero == -math.huge and third == 1 / 3)
host.raises(".", function() box:dostring("local t = {} t[0/0] = 1") end)
assert(next(box:dostring("local t = {} t[1] = 0/0 return t")) == 1)

-- numbers where strings are due, and the other way round
host.equal(box:dostring("return ...", "10"), "10", "a numeric string stays a string")
if math.type then
  host.equal(math.type(box:dostring("return 2^53")), "float", "a float from the box")
  host.equal(math.type(box:dostring("return 1 << 62")), "integer", "an integer from the box")
end

host.done()
