-- tostring, length, comparison, pairs, metatable, fields, arithmetic and keys on a handle: plain results or errors.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box, other = sandbox.new(), sandbox.new()

host.equal(tostring(box):match("^sandbox: 0x%x+$"), tostring(box), "tostring")
host.equal(tostring(box), tostring(box), "tostring twice")
assert(tostring(box) ~= tostring(other), "two boxes with one name")
host.equal(type(box), "userdata", "type")
host.equal(io.type(box), nil, "io.type")
assert(box == box and box ~= other and rawequal(box, box)) -- luacheck: ignore
assert(box ~= 1 and box ~= "x" and box ~= nil)

for what, f in pairs {
  length = function() return #box end,
  less = function() return box < other end,
  less_or_equal = function() return box <= other end,
  concat = function() return box .. "x" end,
  concat_right = function() return "x" .. box end,
  add = function() return box + 1 end,
  multiply = function() return 2 * box end,
  negate = function() return -box end,
  power = function() return box ^ 2 end,
  call = function() return box() end,
  field = function() box.field = 1 end,
  number_field = function() box[1] = 1 end,
  method = function() box.dostring = print end,
  metatable = function() setmetatable(box, {}) end,
  pairs = function() for _ in pairs(box) do break end end,
  ipairs = function() for _ in ipairs(box) do error("an element of a handle") end error("no error, no elements") end,
  raw = function() return rawget(box, "dostring") end,
  next = function() return next(box) end,
  unpack = function() return host.unpack(box) end,
  concat_table = function() return table.concat(box) end,
  sort = function() return table.sort(box) end,
  number = function() return ("%d"):format(box) end,
  loop = function() for _ = box, 2 do break end end,
} do
  local ok, message = pcall(f)
  assert(not ok and type(message) == "string", what)
end
host.equal(tonumber(box), nil, "tonumber")
host.equal(box.missing, nil, "a missing field")
host.equal(box[1], nil, "a number field")
host.equal(box[{}], nil, "a table field")

-- the metatable is protected: what getmetatable gives is no way in
local mt = getmetatable(box)
assert(type(mt) ~= "table", "the metatable is open")
host.equal(box.__gc, nil, "__gc as a method")
host.equal(box.__index, nil, "__index as a method")

-- the module's own tables may be changed by the host without harm to handles
local copy = host.copy(sandbox)
for name in pairs(copy) do sandbox[name] = nil end
host.equal(box:dostring("return 1"), 1, "a handle with the module emptied")
box:opensandbox()
host.equal(box:dostring("return sandbox.run('return 2')"), 2, "the library inside with the module emptied")
for name, value in pairs(copy) do sandbox[name] = value end

-- as keys and values
local t = { [box] = "a", [other] = "b" }
assert(t[box] == "a" and t[other] == "b")
box:close()
assert(t[box] == "a" and tostring(box):find("^sandbox: 0x"))
host.equal(select("#", host.unpack({ box, other })), 2, "unpacked")

-- VERSION and MAX_DEPTH are what they say
host.equal(type(sandbox._VERSION), "string", "_VERSION")
host.equal(sandbox.MAX_DEPTH, 10, "MAX_DEPTH")
collectgarbage()

host.done()
