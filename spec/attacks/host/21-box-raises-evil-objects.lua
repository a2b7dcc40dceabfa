-- The box raises objects whose metamethods loop, throw or yield: the host gets plain copies, bounded in time.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local spins = { "while true do end", "error('thrown', 0)", "coroutine.yield()", "return setmetatable({}, mt)", "return nil" }

for _, body in ipairs(spins) do
  local box = sandbox.new { cpu = 0.3, wall = 5 }
  local code = ([[
    local mt = {}
    local function evil() %s end
    for _, name in ipairs {"__tostring", "__name", "__index", "__newindex", "__eq", "__len", "__pairs", "__ipairs", "__call",
        "__concat", "__lt", "__le", "__metatable", "__close"} do
      mt[name] = evil
    end
    error(setmetatable({1, 2, code = 7}, mt))
  ]]):format(body)
  host.within(10, function()
    local ok, e = pcall(box.dostring, box, code)
    assert(not ok, "no error")
    assert(type(e) == "table", type(e) .. " " .. tostring(e))
    assert(getmetatable(e) == nil, "a metatable crossed the wall")
    assert(e.code == 7 and #e == 2 and e[2] == 2)
    assert(tostring(e):find("^table"))
    assert(e ~= {} and not pcall(function() return e < e end))
    assert(type(box:traceback()) == "string" or box:traceback() == nil)
  end)
  -- as message, result and argument of a callback as well
  host.within(10, function()
    box:set("cb", function(t) return getmetatable(t) == nil and rawget(t, 1) end)
    local got = box:dostring(code:gsub("error%(setmetatable", "return cb(setmetatable"))
    host.equal(got, 1, "as an argument of a callback")
  end)
end

-- __name as a huge string or a table, in messages that the box's own libraries make
local box = sandbox.new { cpu = 1 }
local ok, message = pcall(box.dostring, box,
  "local t = setmetatable({}, {__name = ('n'):rep(1e5)}) string.rep(t) ")
assert(not ok and type(message) == "string" and #message < 2e5)
ok, message = pcall(box.dostring, box, "local t = setmetatable({}, {__name = {}}) math.floor(t)")
assert(not ok and type(message) == "string")

-- tostring and print inside are under the limit
box = sandbox.new { cpu = 0.2 }
host.within(10, function()
  host.raises("cpu limit", function()
    box:dostring("print(setmetatable({}, {__tostring = function() while true do end end}))")
  end)
end)
host.stopped(box, "cpu")

-- one-shot
host.within(10, function()
  local done, e = pcall(sandbox.run, "error(setmetatable({x = 1}, {__tostring = function() while true do end end}))", { cpu = 0.2 })
  assert(not done and type(e) == "table" and e.x == 1)
end)

host.done()
