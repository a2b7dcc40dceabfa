--- Manual, section 2: status, get and set, limits, usage, traceback, close.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, MiB = helpers.raises, helpers.MiB

-- Each method, called with arguments that a living box would take.
local METHODS = {
  stdin = function(box) box:stdin(nil) end,
  stdout = function(box) box:stdout() end,
  stderr = function(box) box:stderr(nil) end,
  env = function(box) box:env {} end,
  opensandbox = function(box) box:opensandbox() end,
  dofile = function(box) box:dofile("/dev/null") end,
  dostring = function(box) box:dostring("return 1") end,
  load = function(box) box:load("return 1") end,
  get = function(box) box:get("x") end,
  set = function(box) box:set("x", 1) end,
  limits = function(box) box:limits() end,
  usage = function(box) box:usage() end,
  traceback = function(box) box:traceback() end,
}

describe("box:status", function()
  after_each(helpers.tidy)

  it("is ready, running while the box runs, ready again, closed", function()
    local box = helpers.box()
    assert.equal("ready", box:status())
    local during
    box:set("ask", function() during = box:status() end)
    assert.equal("ready", box:status())
    box:dostring("ask()")
    assert.equal("running", during)
    assert.equal("ready", box:status())
    box:close()
    assert.equal("closed", box:status())
  end)

  it("is ready after an ordinary error", function()
    local box = helpers.box()
    pcall(box.dostring, box, "error 'x'")
    assert.equal("ready", (box:status()))
  end)

  it("says exhausted or killed with the limit's kind", function()
    local box = helpers.box { cpu = 0.05 }
    pcall(box.dostring, box, "while true do end")
    helpers.assert_stopped(box, "cpu", true)
  end)

  it("can't be made to say so by what the box raises itself", function()
    local box = helpers.box { cpu = 0.1 }
    for _, message in ipairs { "cpu limit of 0.1 s exceeded", "[string \"x\"]:1: cpu limit of 0.1 s exceeded",
      "memory", "not enough memory" } do
      raises(function() box:dostring("error((...), 0)", message) end, message)
      assert.equal("ready", (box:status()))
    end
    assert.equal(1, box:dostring("return 1"))
  end)
end)

describe("box:get and box:set", function()
  after_each(helpers.tidy)

  it("read and write one global", function()
    local box = helpers.box()
    assert.is_nil(box:get("x"))
    box:set("x", 5)
    assert.equal(5, box:get("x"))
    assert.equal(6, box:dostring("x = x + 1 return x"))
    assert.equal(6, box:get("x"))
    box:set("x", nil)
    assert.is_true(box:dostring("return x == nil and rawget(_G, 'x') == nil"))
    box:set("flag", false)
    assert.is_false(box:get("flag"))
  end)

  it("take a name as it is, dots, bytes and all", function()
    local box = helpers.box()
    box:set("a.b", 1)
    box:set("", 2)
    box:set("n\0ul", 3)
    assert.equal(1, box:dostring("return _G['a.b']"))
    assert.equal(2, box:dostring("return _G['']"))
    assert.equal(3, box:get("n\0ul"))
    assert.is_nil(box:get("n"))
  end)

  it("copy tables", function()
    local box, t = helpers.box(), { list = { 1, 2, 3 } }
    box:set("t", t)
    box:dostring("t.list[1] = 'changed'")
    assert.equal(1, t.list[1])
    assert.equal("changed", box:get("t").list[1])
    assert.is_not.equal(box:get("t"), box:get("t"))
  end)

  it("see the libraries", function()
    local box = helpers.box()
    assert.equal(_VERSION, box:get("_VERSION"))
    assert.is_function(box:get("print"))
    box:set("print", nil)
    assert.equal("nil", box:dostring("return type(print)"))
  end)

  it("come back from a metatable of _G that never ends", function()
    local box = helpers.box { cpu = 0.1 }
    box:dostring([[setmetatable(_G, { __index = function() while true do end end,
      __newindex = function() while true do end end })]])
    local before = os.clock()
    pcall(box.get, box, "unset")
    pcall(box.set, box, "unset", 1)
    assert.is_true(os.clock() - before < 2)
  end)

  it("refuse a name that is no string, and a missing value", function()
    local box = helpers.box()
    raises(function() box:get() end, "bad argument #1 to 'get' (string expected, got no value)")
    raises(function() box:get({}) end, "bad argument #1 to 'get' (string expected, got table)")
    raises(function() box:set(nil, 1) end, "bad argument #1 to 'set' (string expected, got nil)")
  end)
end)

describe("box:limits", function()
  after_each(helpers.tidy)

  it("gives the defaults", function()
    local limits = helpers.box():limits()
    assert.equal(64 * MiB, limits.memory)
    assert.equal(10, limits.cpu)
    assert.equal(9, limits.depth)
    assert.equal("life", limits.per)
    for _, name in ipairs { "wall", "output", "instructions" } do
      assert.is_true(limits[name] == nil or limits[name] == math.huge, name .. " is limited")
    end
  end)

  it("sets what is named, keeps the rest, and gives all", function()
    local box = helpers.box { memory = 4 * MiB, wall = 7 }
    local limits = box:limits { cpu = 2.5, output = 500 }
    assert.equal(4 * MiB, limits.memory)
    assert.equal(2.5, limits.cpu)
    assert.equal(7, limits.wall)
    assert.equal(500, limits.output)
    assert.same(limits, box:limits())
    assert.same(limits, box:limits {})
  end)

  it("gives a table that changes nothing when written to", function()
    local box = helpers.box()
    box:limits().memory = 1
    assert.equal(64 * MiB, box:limits().memory)
  end)

  it("refuses what sandbox.new refuses, and changes nothing then", function()
    local box = helpers.box()
    local before = box:limits()
    raises(function() box:limits { memroy = 1 } end, "memroy")
    raises(function() box:limits { cpu = "long" } end, "cpu")
    raises(function() box:limits { cpu = -1 } end, "cpu")
    raises(function() box:limits { memory = 0 / 0 } end, "memory")
    raises(function() box:limits(5) end, "bad argument #1 to 'limits' (table expected, got number)")
    assert.same(before, box:limits())
  end)
end)

describe("box:usage", function()
  after_each(helpers.tidy)

  it("counts in numbers", function()
    local usage = helpers.box():usage()
    for _, name in ipairs { "memory", "memory_peak", "cpu", "wall", "output", "boxes" } do
      assert.is_number(usage[name], name)
    end
    assert.is_nil(usage.exit)
    assert.is_true(usage.memory > 1000 and usage.memory < MiB)
    assert.equal(0, usage.output)
    assert.equal(0, usage.boxes)
  end)

  it("sees memory come and go, and keeps the peak", function()
    local box = helpers.box()
    local empty = box:usage().memory
    box:dostring("s = ('x'):rep(2^22)")
    local full = box:usage()
    assert.is_true(full.memory >= empty + 4 * MiB)
    assert.is_true(full.memory_peak >= full.memory)
    -- More than once: LuaJIT halves its buffer with each collection.
    box:dostring("s = nil for i = 1, 20 do collectgarbage() end")
    local after = box:usage()
    assert.is_true(after.memory < empty + MiB)
    assert.is_true(after.memory_peak >= full.memory_peak)
  end)

  it("counts CPU time inside, real time and output", function()
    local box = helpers.box()
    helpers.captured(box)
    box:dostring("local stop = os.clock() + 0.2 while os.clock() < stop do end io.write('12345') print('678')")
    local usage = box:usage()
    assert.is_true(usage.cpu >= 0.15 and usage.cpu < 2, "cpu is " .. usage.cpu)
    assert.is_true(usage.wall >= 0.15, "wall is " .. usage.wall)
    assert.equal(9, usage.output)
  end)
end)

describe("box:traceback", function()
  after_each(helpers.tidy)

  it("is nil until an error, then the box's own stack", function()
    local box = helpers.box()
    assert.is_nil(box:traceback())
    box:dostring("return 1")
    assert.is_nil(box:traceback())
    pcall(box.dostring, box, "local function culprit() error('x') end\nfunction caller() culprit() end\ncaller()")
    local traceback = box:traceback()
    assert.is_string(traceback)
    assert.is_truthy(traceback:find("stack traceback", 1, true))
    assert.is_truthy(traceback:find("culprit", 1, true))
    assert.is_nil(traceback:find("_spec.lua", 1, true), "the host's stack shows")
  end)

  it("tells where a limit stopped the code", function()
    local box = helpers.box { cpu = 0.1 }
    pcall(box.dostring, box, "function spinner() while true do end end\nspinner()")
    if select(1, box:status()) == "exhausted" then
      assert.is_truthy(box:traceback():find("spinner", 1, true))
    else
      assert.is_true(box:traceback() == nil or type(box:traceback()) == "string")
    end
  end)
end)

describe("box:close", function()
  after_each(helpers.tidy)

  it("may be called twice, and leaves status and tostring", function()
    local box = sandbox.new()
    box:close()
    box:close()
    assert.equal("closed", (box:status()))
    assert.is_truthy(tostring(box):find("^sandbox: "))
  end)

  it("makes every other method an error", function()
    local box = sandbox.new()
    for name, call in pairs(METHODS) do assert.has_no.errors(function() call(box) end, name) end
    box:close()
    for _, call in pairs(METHODS) do raises(function() call(box) end, "sandbox is closed") end
  end)

  it("from inside ends the call with an error", function()
    local box, after = helpers.box(), false
    box:set("close", function() box:close() end)
    box:set("after", function() after = true end)
    raises(function() box:dostring("pcall(close) after()") end, "sandbox is closed")
    assert.is_false(after)
    assert.equal("closed", (box:status()))
  end)

  it("runs no finalizer", function()
    local ran = false
    local box = helpers.box()
    box:set("note", function() ran = true end)
    box:dostring([[local t = setmetatable({}, { __gc = note })
      local p = newproxy and newproxy(true) if p then getmetatable(p).__gc = note end
      keep = { t, p }]])
    box:close()
    collectgarbage() collectgarbage()
    assert.is_false(ran)
  end)

  it("returns at once from a box whose finalizers would never end", function()
    local box = helpers.box()
    box:dostring([[local function spin() while true do end end
      keep = setmetatable({}, { __gc = spin })
      if newproxy then proxy = newproxy(true) getmetatable(proxy).__gc = spin end]])
    local before = os.clock()
    box:close()
    assert.is_true(os.clock() - before < 1)
  end)

  it("happens on collection, and lets go of what the box held", function()
    local box, file, value = sandbox.new(), assert(io.tmpfile()), {}
    local held = setmetatable({ box, file, value }, { __mode = "v" })
    box:stdout(file)
    box:set("ask", function() return value and 1 end)
    assert.equal(1, box:dostring("return ask()"))
    box, file, value = nil, nil, nil -- luacheck: ignore
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(held[1])
    assert.is_nil(held[2])
    assert.is_nil(held[3])
  end)

  helpers.it_unless(helpers.no_close, "happens at the end of a scope", function()
    local box = assert(load [[
      local sandbox = require "sandbox"
      local kept
      do local box <close> = sandbox.new() kept = box end
      return kept]])()
    assert.equal("closed", (box:status()))
  end)
end)
