--- Manual, section 6, as far as copies go: nil, booleans, numbers, strings and tables, both ways; functions as
-- proxies; what can't cross is named by where it sits.

local helpers = require "spec.helpers"

local raises, it_unless = helpers.raises, helpers.it_unless

--- There and back again.
local function through(value, options)
  return (helpers.box(options):dostring("return ...", value))
end

describe("values that cross", function()
  after_each(helpers.tidy)

  it("keep nil, booleans and strings as they are", function()
    assert.is_nil(through(nil))
    assert.is_true(through(true))
    assert.is_false(through(false))
    for _, s in ipairs { "", "x", "nul\0inside", ("long "):rep(1e5), "\255\254\0\1", "umlaut \195\164" } do
      assert.equal(s, through(s))
    end
    local every = {}
    for i = 0, 255 do every[#every + 1] = string.char(i) end
    assert.equal(table.concat(every), through(table.concat(every)))
    assert.equal(16 * helpers.MiB, #through(("x"):rep(16 * helpers.MiB), { memory = 256 * helpers.MiB }))
  end)

  it("keep numbers to the bit", function()
    for _, n in ipairs { 0, 1, -1, 0.1, 1 / 3, 2 ^ 53, 2 ^ 53 + 2, -2 ^ 63, 2 ^ 63, 1e308, 5e-324, 1 / 0, -1 / 0, math.pi } do
      assert.equal(n, through(n))
    end
    local nan = through(0 / 0)
    assert.is_true(nan ~= nan)
    -- Not written as -0.0: Lua 5.1 shares that constant with 0.
    local minus_zero = -1 / math.huge
    assert.equal(-1 / 0, 1 / through(minus_zero))
    assert.equal("-0", helpers.box():dostring("return ('%.0f'):format(...)", minus_zero))
    assert.is_true(helpers.box():dostring("local n = ... return n ~= n", 0 / 0))
  end)

  it_unless(helpers.no_integers, "keep integers integers and floats floats", function()
    local subtype, large = math.type, math.tointeger(2 ^ 53)
    for _, n in ipairs { 0, -1, large, large + 1, math.maxinteger, math.mininteger } do
      local got = through(n)
      assert.equal("integer", subtype(got))
      assert.equal(n, got)
    end
    for _, n in ipairs { 0.0, -0.0, 1.0, 2.0 ^ 53, 1e100 } do
      assert.equal("float", subtype(through(n)))
      assert.equal("float", helpers.box():dostring("return math.type(...)", n))
    end
    assert.equal("integer float", helpers.box():dostring("local t = ... return math.type(t[1]) .. ' ' .. math.type(t[2])", { 1, 1.0 }))
    local back = through { 1, 1.0 }
    assert.equal("integer", subtype(back[1]))
    assert.equal("float", subtype(back[2]))
  end)

  it("copy tables, keys and values of every kind", function()
    local t = { 1, 2, nil, 4, x = "y", [true] = false, [2.5] = "float", [-1] = "minus", ["nul\0"] = "\0", inner = { { {} } },
      [2 ^ 53] = "large", [0] = 0, [""] = "empty", nan = 0 / 0 }
    local got = through(t)
    assert.is_true(got.nan ~= got.nan)
    t.nan, got.nan = nil, nil
    assert.same(t, got)
    assert.is_not.equal(t, got)
    assert.same({}, through {})
  end)

  it("copy tables with tables as keys", function()
    local key = { name = "key" }
    local got = through { [key] = "value", list = { key } }
    assert.equal("value", got[got.list[1]])
    assert.equal("key", got.list[1].name)
  end)

  it("keep float keys that are integers findable", function()
    assert.equal("a", helpers.box():dostring("return (...)[1]", { [1.0] = "a" }))
    assert.equal("b", helpers.box():dostring("return (...)[2^31]", { [2 ^ 31] = "b" }))
    assert.equal("c", through({ [2 ^ 52] = "c" })[2 ^ 52])
    assert.equal("d", through({ [1 / 0] = "d" })[1 / 0])
  end)

  it("keep cycles", function()
    local t = { name = "loop" }
    t.self, t[t] = t, t
    local got = through(t)
    assert.equal(got, got.self)
    assert.equal(got, got[got])
    assert.equal("loop", got.self.self.name)
    local a, b = {}, {}
    a.b, b.a = b, a
    local back = through { a, b }
    assert.equal(back[1], back[2].a)
    assert.equal(back[2], back[1].b)
  end)

  it("keep sharing, within one value and among arguments", function()
    local shared = { 1 }
    local got = through { shared, shared, deep = { shared } }
    assert.equal(got[1], got[2])
    assert.equal(got[1], got.deep[1])
    assert.is_true(helpers.box():dostring("local a, b, c = ... return a == b and c[1] == a", shared, shared, { shared }))
    local a, b = helpers.box():dostring("local t = {} return t, { t }")
    assert.equal(a, b[1])
  end)

  it("are copies: a change on one side is not seen on the other", function()
    local box, t = helpers.box(), { n = 1 }
    box:dostring("kept = ...", t)
    t.n = 2
    assert.equal(1, box:dostring("return kept.n"))
    local got = box:get("kept")
    box:dostring("kept.n = 3")
    assert.equal(1, got.n)
  end)

  it("drop metatables, and ask them nothing", function()
    local asked = 0
    local function ask() asked = asked + 1 return nil end
    local mt = { __index = ask, __newindex = ask, __len = ask, __pairs = ask, __ipairs = ask, __call = ask, __eq = ask,
      __tostring = function() asked = asked + 1 return "asked" end, __name = "named", __metatable = "locked", __gc = nil, __mode = "k" }
    local box = helpers.box()
    assert.equal("nil 1 x", box:dostring("local t = ... return type(getmetatable(t)) .. ' ' .. #t .. ' ' .. t[1]",
      setmetatable({ "x" }, mt)))
    box:set("t", setmetatable({ "x" }, mt))
    assert.equal(0, asked)
    box:dostring([[
      asked = 0
      local function ask() asked = asked + 1 end
      made = setmetatable({ "y" }, { __index = ask, __len = ask, __pairs = ask, __ipairs = ask, __tostring = ask, __metatable = 1 })]])
    local made = box:get("made")
    assert.is_nil(getmetatable(made))
    assert.same({ "y" }, made)
    assert.equal(0, box:get("asked"))
    local ok, raised = pcall(box.dostring, box, "error(made)")
    assert.is_false(ok)
    assert.same({ "y" }, raised)
    assert.equal(0, box:get("asked"))
  end)

  local INSIDE = "local t, n = ..., 0 while type(t) == 'table' do t, n = t[1], n + 1 end return n, t"
  local MADE = "local t = 'inner' for i = 1, ... do t = { t } end return t"

  local function nested(levels)
    local deep = "bottom"
    for _ = 1, levels do deep = { deep } end
    return deep
  end

  local function depth(t)
    local n = 0
    while type(t) == "table" do t, n = t[1], n + 1 end
    return n, t
  end

  it("may be nested deeply", function()
    for _, levels in ipairs { 10, 200, 1000, 3000 } do
      local count, bottom = helpers.box():dostring(INSIDE, nested(levels))
      assert.equal(levels, count)
      assert.equal("bottom", bottom)
      count, bottom = depth(helpers.box():dostring(MADE, levels))
      assert.equal(levels, count)
      assert.equal("inner", bottom)
    end
  end)

  it("nested a million deep cross, or are an ordinary error that says so", function()
    local levels = 1000000
    local box = helpers.box { memory = 1024 * helpers.MiB, cpu = 60 }
    local ok, count = pcall(box.dostring, box, INSIDE, nested(levels))
    assert.is_true(ok and count == levels or not ok and count:find("too deep", 1, true) ~= nil, tostring(count))
    local made, got = pcall(box.dostring, box, MADE, levels)
    assert.is_true(made and depth(got) == levels or not made and got:find("too deep", 1, true) ~= nil)
    assert.equal("ready", (box:status()))
    assert.equal(1, box:dostring("return 1"))
  end)

  it("may be a million in one table", function()
    local many = {}
    for i = 1, 1000000 do many[i] = i end
    local box = helpers.box { memory = 512 * helpers.MiB, cpu = 60 }
    assert.equal(500000500000, box:dostring("local s = 0 for _, v in ipairs(...) do s = s + v end return s", many))
    local got = box:dostring("local t = {} for i = 1, 1000000 do t[i] = -i end return t")
    assert.equal(-1000000, got[1000000])
    assert.equal(1000000, #got)
  end)

  it("cross in arguments and results of functions both ways", function()
    local box = helpers.box()
    local got
    box:set("ask", function(...)
      got = { n = select("#", ...), ... }
      return 1, nil, { "two" }, nil
    end)
    local n, list = box:dostring("local function pack(...) return select('#', ...), { ... } end " ..
      "local n, t = pack(ask(nil, { x = { 1 } }, nil)) return n, t[3][1]")
    assert.equal(4, n)
    assert.equal("two", list)
    assert.equal(3, got.n)
    assert.same({ x = { 1 } }, got[2])
  end)

  it("may be functions: proxies that come home as themselves", function()
    local box = helpers.box()
    local calls = 0
    local function ours(x) calls = calls + 1 return x * 2 end
    assert.equal(10, box:dostring("local t = ... return t.f(5)", { f = ours }))
    assert.equal(1, calls)
    assert.equal(ours, through(ours))
    assert.equal(ours, through({ { ours } })[1][1])
    local add = box:dostring("return function(a, b) return a + b end")
    assert.equal(5, add(2, 3))
    assert.is_true(box:dostring("mine = function() end theirs = ... return true"))
    box:set("back", box:get("mine"))
    assert.is_true(box:dostring("return back == mine"))
    assert.equal("function", box:dostring("return type(...)", print))
    local other = helpers.box()
    other:set("add", add)
    assert.equal(7, other:dostring("return add(3, 4)"))
  end)

  it("may be callbacks within callbacks", function()
    local box = helpers.box()
    box:set("call", function(f, ...) return f(...) end)
    assert.equal(120, box:dostring("local function fact(n) if n == 0 then return 1 end return n * call(fact, n - 1) end return fact(5)"))
  end)
end)

describe("values that can't cross", function()
  after_each(helpers.tidy)

  local function coro() return coroutine.create(function() end) end

  it("are named by where they sit among the arguments", function()
    local box = helpers.box()
    raises(function() box:dostring("", coro()) end, "argument 1", "thread")
    raises(function() box:dostring("", 1, "x", coro()) end, "argument 3")
    raises(function() box:dostring("", { users = { 1, 2, coro() } }) end, "argument 1.users[3]")
    raises(function() box:dostring("", {}, { a = { b = { c = coro() } } }) end, "argument 2.a.b.c")
    raises(function() box:dostring("", { { { coro() } } }) end, "argument 1[1][1][1]")
    raises(function() box:dostring("", { [true] = coro() }) end, "argument 1")
    raises(function() box:dostring("", { [coro()] = 1 }) end, "argument 1")
    raises(function() box:set("x", { list = { coro() } }) end, "list[1]")
    assert.equal("ready", (box:status()))
    assert.is_nil(box:get("x"))
  end)

  it("are userdata too, a box among them", function()
    local box = helpers.box()
    raises(function() box:dostring("", { users = { 1, 2, box } }) end, "argument 1.users[3]", "userdata")
    raises(function() box:set("x", { box }) end, "userdata")
  end)

  it("are named by where they sit among the results", function()
    local box = helpers.box()
    raises(function() box:dostring("return { users = { 1, 2, coroutine.create(function() end) } }") end, ".users[3]")
    raises(function() box:dostring("return 1, coroutine.create(function() end)") end, "2")
    box:dostring("co = { list = { coroutine.create(function() end) } }")
    raises(function() box:get("co") end, "list[1]")
    assert.equal("ready", (box:status()))
    assert.equal(1, box:dostring("return 1"))
  end)

  it("are an ordinary error for the box that calls the host", function()
    local box, calls = helpers.box(), 0
    box:set("ask", function() calls = calls + 1 end)
    local ok, message = box:dostring("return pcall(ask, { users = { 1, 2, coroutine.create(function() end) } })")
    assert.is_false(ok)
    assert.is_truthy(message:find("argument 1.users[3]", 1, true), message)
    assert.equal(0, calls)
    box:set("give", function() return { x = coro() } end)
    ok, message = box:dostring("return pcall(give)")
    assert.is_false(ok)
    assert.is_truthy(message:find(".x", 1, true), message)
  end)

  it("make an error value no worse: the host gets a string", function()
    local box = helpers.box()
    for _, code in ipairs { "error(coroutine.create(function() end))", "error({ coroutine.create(function() end) })",
      "error(setmetatable({ co = coroutine.create(function() end) }, { __tostring = function() return 'x' end }))" } do
      local ok, raised = pcall(box.dostring, box, code)
      assert.is_false(ok)
      assert.is_true(type(raised) == "string" or type(raised) == "table", code)
    end
    assert.equal("ready", (box:status()))
  end)

  it("leave nothing half-set", function()
    local box = helpers.box()
    box:set("x", 1)
    raises(function() box:set("x", { 1, 2, coro() }) end)
    assert.equal(1, box:get("x"))
  end)

  it_unless(not helpers.is_jit and "only LuaJIT has cdata", "are cdata too", function()
    local ffi = require "ffi"
    raises(function() helpers.box():dostring("", { n = { ffi.new("int64_t", 5) } }) end, "argument 1.n[1]")
  end)
end)
