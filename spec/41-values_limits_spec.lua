--- Manual, section 6, values: the exact paths to what can't cross, shapes kept across several arguments, running out of
-- memory or stack on either side, and what a crossing may cost the host.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, MiB = helpers.raises, helpers.MiB

local function coro() return coroutine.create(function() end) end

describe("the path to a value that can't cross", function()
  after_each(helpers.tidy)

  -- The whole message, from the argument on.
  local function path_of(...)
    local ok, message = pcall(function(box, ...) box:dostring("", ...) end, helpers.box(), ...)
    assert(not ok)
    return (message:gsub("^.-argument", "argument"))
  end

  it("is exact", function()
    assert.equal("argument 2.users[3].handle: a thread cannot cross", path_of(1, { users = { 1, 2, { handle = coro() } } }))
    assert.equal("argument 1: a thread cannot cross", path_of(coro()))
    assert.equal("argument 3.x_1._y: a userdata cannot cross", path_of(nil, nil, { x_1 = { _y = helpers.box() } }))
    assert.equal("argument 1[2.5][true][-1]: a thread cannot cross", path_of { [2.5] = { [true] = { [-1] = coro() } } })
  end)

  it("quotes keys that are no identifiers", function()
    assert.equal([==[argument 1["a b"]["1x"][""]: a thread cannot cross]==], path_of { ["a b"] = { ["1x"] = { [""] = coro() } } })
    assert.equal([==[argument 1["say \"x\\y\"\010\000"]: a thread cannot cross]==], path_of { ["say \"x\\y\"\n\0"] = coro() })
    assert.equal('argument 1["' .. ("k"):rep(40) .. '..."]: a thread cannot cross', path_of { [("k"):rep(1e6)] = coro() })
  end)

  it("goes through keys, too", function()
    assert.equal("argument 1[thread]: a thread cannot cross", path_of { [coro()] = 1 })
    assert.equal("argument 1.t[table].inner: a thread cannot cross", path_of { t = { [{ inner = coro() }] = { 1 } } })
    assert.equal("argument 1[table][table][1]: a thread cannot cross", path_of { [{ [{ coro() }] = {} }] = {} })
    assert.equal("argument 1[function]: a thread cannot cross", path_of { [print] = coro() })
  end)

  it("is shortened where it is long", function()
    local deep = coro()
    for _ = 1, 60 do deep = { deep } end
    assert.equal("argument 1" .. ("[1]"):rep(10) .. "..." .. ("[1]"):rep(10) .. ": a thread cannot cross", path_of(deep))
    for _ = 1, 20000 do deep = { deep } end
    local message = path_of("first", deep)
    assert.truthy(message:find("^argument 2%.%.%.%[1%]"), message)
    assert(#message < 200)
  end)

  it("names results, error values and a global's value", function()
    local box = helpers.box()
    box:dostring("function coro() return coroutine.create(function() end) end")
    raises(function() box:dostring("return 1, { x = coro() }") end, "result 2.x: a thread cannot cross")
    raises(function() box:dostring("error { list = { coro() } }") end, "error value.list[1]: a thread cannot cross")
    raises(function() box:set("x", { list = { coro() } }) end, "argument 2.list[1]: a thread cannot cross")
    box:set("give", function() return 1, 2, { coro() } end)
    raises(function() box:dostring("give()") end, "result 3[1]: a thread cannot cross")
    box:set("take", function() end)
    raises(function() box:dostring("take(0, { a = coro() })") end, "argument 2.a: a thread cannot cross")
    local f = box:load("return ...")
    raises(function() f({}, coro()) end, "argument 2: a thread cannot cross")
  end)
end)

describe("shapes", function()
  after_each(helpers.tidy)

  it("are kept across all values of one call, in each direction and kind of call", function()
    local box = helpers.box()
    local shared = { n = 1 }
    shared.self = shared
    local check = "local a, b, c = ... return a == b and c.x[1] == a and a.self == a and c[a] == b"
    assert.is_true(box:dostring(check, shared, shared, { x = { shared }, [shared] = shared }))
    assert.is_true(box:load(check)(shared, shared, { x = { shared }, [shared] = shared }))
    assert.is_true(box:dofile(helpers.file(check), shared, shared, { x = { shared }, [shared] = shared }))
    assert.is_true(sandbox.run(check, nil, shared, shared, { x = { shared }, [shared] = shared }))
    box:set("give", function() return shared, { shared } end)
    box:set("take", function(a, b) return a == b[1] and a.self == a end)
    assert.is_true(box:dostring("local a, b = give() return a == b[1] and a.self == a"))
    assert.is_true(box:dostring("local t = {} t.self = t return take(t, { t })"))
  end)

  it("hold functions and streams as keys and values, each the same wherever it stands", function()
    local box = helpers.box()
    local f, file = function() return "called" end, helpers.handle("", "rb")
    local t = { [f] = file, [file] = f, list = { f, f, file, file } }
    local got = box:dostring([[
      local t = ...
      local f, file = t.list[1], t.list[3]
      assert(type(f) == "function" and io.type(file) == "file")
      assert(f == t.list[2] and file == t.list[4] and t[f] == file and t[file] == f and f() == "called")
      return t]], t)
    assert.equal(file, got[f])
    assert.equal(f, got[file])
    assert.same({ f, f, file, file }, got.list)
  end)
end)

describe("running out", function()
  after_each(helpers.tidy)

  it("of memory in a box is an ordinary error for whoever sends to it, which the box survives", function()
    local box = helpers.box { memory = 2 * MiB }
    local big, many = ("x"):rep(4 * MiB), {}
    for i = 1, 30000 do many[i] = { i } end
    local sent = { big, many }
    box:set("f", function(which) return sent[which] end)
    box:set("take", function() end)
    for which, value in ipairs(sent) do
      raises(function() box:dostring("return 1", value) end, "not enough memory")
      raises(function() box:set("x", { value }) end, "not enough memory")
      assert.is_nil(box:get("x"))
      -- A result for the box: the error is raised there.
      local ok, message = box:dostring("return pcall(f, ...)", which)
      assert.is_false(ok)
      assert.truthy(tostring(message):find("not enough memory", 1, true))
    end
    assert.equal("ready", (box:status()))
    assert.equal(3, box:dostring("return 1 + 2"))
  end)

  it("of memory while a box sends is the box's error, and costs the host nothing", function()
    local box = helpers.box { memory = 8 * MiB }
    local taken = 0
    box:set("take", function() taken = taken + 1 end)
    -- Ten thousand times the same string of 1 MB: 10 GB as a copy.
    local code = "local s, t = ('x'):rep(2^20), {} for i = 1, 10000 do t[i] = s end "
    local ok, message = box:dostring(code .. "return pcall(take, t)")
    assert.is_false(ok)
    assert.truthy(message:find("not enough memory", 1, true))
    raises(function() box:dostring(code .. "return t") end, "not enough memory")
    raises(function() box:dostring(code .. "error(t)") end, "not enough memory")
    assert.equal(0, taken)
    assert.equal("ready", (box:status()))
    assert(box:usage().memory_peak <= 8 * MiB)
  end)

  it("of memory is the error of the one that ran out, at any depth", function()
    local box = helpers.box { memory = 24 * MiB, cpu = 30 }
    box:opensandbox()
    box:dostring([[
      below = sandbox.new { memory = 2 * 2^20 }
      local ok, message = pcall(below.dostring, below, "return #...", ("x"):rep(4 * 2^20))
      assert(not ok and message:find("not enough memory", 1, true), message)
      below:set("give", function() return ("x"):rep(4 * 2^20) end)
      ok, message = below:dostring("return pcall(give)")
      assert(not ok and message:find("not enough memory", 1, true), message)
      ok, message = pcall(below.dostring, below, "local s, t = ('x'):rep(2^19), {} for i = 1, 1000 do t[i] = s end return t")
      assert(not ok and message:find("not enough memory", 1, true), message)
      assert(below:usage().memory_peak <= 2 * 2^20)
      assert(below:dostring("return 1") == 1)
      below:close()
    ]])
    -- What crosses below is spent by those above, too.
    raises(function()
      box:dostring("below = sandbox.new { memory = math.huge } return below:dostring([[" ..
        "local s, t = ('x'):rep(2^20), {} for i = 1, 1000 do t[i] = s end return t]])")
    end, "not enough memory")
    assert(box:usage().memory_peak <= 24 * MiB)
    assert.equal("ready", (box:status()))
  end)

  it("of memory for what a crossing remembers of tables is counted, too", function()
    local box = helpers.box { memory = 48 * MiB, cpu = 30 }
    assert.equal(100000, #box:dostring("t = {} for i = 1, 100000 do t[i] = {} end return t"))
    -- The tables leave no room for the places of so many in the sender's memory.
    box:dostring("collectgarbage() collectgarbage()")
    local used = box:usage().memory
    box:limits { memory = used + 2 * MiB }
    raises(function() return box:get("t") end, "not enough memory")
    box:limits { memory = 96 * MiB }
    assert.equal(100000, #box:get("t"))
    assert(box:usage().memory < used + MiB, "what a crossing took is not given back")
  end)

  it("of stack for results or arguments is an error on the side that gets too many", function()
    local box = helpers.box { memory = 512 * MiB, cpu = 30 }
    -- As many as this Lua lets a function return, fewer than the receiver may have room for.
    local most = box:dostring([[
      local u, n = table.unpack or unpack, 1
      while n < 2^20 and pcall(function() return u({}, 1, n * 2) end) do n = n * 2 end
      return n]])
    assert(most >= 4096, "only " .. most)
    assert.equal(200, select("#", box:dostring("return (table.unpack or unpack)({}, 1, 200)")))
    assert.equal(4000, select("#", box:dostring("return (table.unpack or unpack)({}, 1, 4000)")))
    local function depth_of(n, f) if n == 0 then return f() end return (depth_of(n - 1, f)) end
    local ok, message = pcall(function()
      return select("#", box:dostring("return (table.unpack or unpack)({}, 1, ...)", most))
    end)
    assert(ok and message == most or not ok and message:find("stack overflow", 1, true), tostring(message))
    -- On a stack that is nearly full already, few are too many: an error, the process lives.
    ok, message = pcall(depth_of, helpers.is_jit and 12000 or 60000, function()
      return select("#", box:dostring("return (table.unpack or unpack)({}, 1, ...)", most))
    end)
    assert(ok or tostring(message):find("overflow", 1, true), tostring(message))
    assert.equal("ready", (box:status()))
    assert.equal(1, box:dostring("return 1"))
  end)
end)

describe("integers and floats", function()
  after_each(helpers.tidy)

  it("stay what they are through every door, as keys, too", function()
    local large = 2 ^ 53
    local values = { 0, -1, large, -large, large + 2, 0.5, -1 / math.huge, 1 / 0, -1 / 0, 5e-324, 1.7976931348623157e308 }
    if math.maxinteger then
      for _, n in ipairs { math.maxinteger, math.mininteger, math.tointeger(large), 1.0, 3 } do values[#values + 1] = n end
    end
    local subtype = math.type or type
    local box = helpers.box()
    box:set("echo", function(...) return ... end)
    for _, n in ipairs(values) do
      box:set("n", n)
      for _, got in ipairs { (box:get("n")), (box:dostring("return ...", n)), (box:dostring("return echo(...)", n)),
        (box:load("return ...")(n)), box:dostring("return { ... }", n)[1] } do
        assert.equal(n, got)
        assert.equal(1 / n, 1 / got)
        assert.equal(subtype(n), subtype(got))
      end
      -- As a key, a float that is whole is an integer in Lua itself.
      local key = next { [n] = true }
      local got = next(box:dostring("return { [...] = true }", n))
      assert.equal(key, got)
      assert.equal(subtype(key), subtype(got))
    end
  end)
end)
