--- box:checkpoint and box:rollback: the box is what it was, exactly, as often as wanted.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

-- A program with something of everything that hangs on addresses. `look` gives a string that tells one state from another.
local PROGRAM = [==[
  local keys, t = {}, {}
  for i = 1, 200 do
    local k, f = {}, function() return i end
    keys[#keys + 1], keys[#keys + 2] = k, f
    t[k], t[f] = i, i
  end
  weak = setmetatable({}, { __mode = "k" })
  weak[keys[1]] = "w"
  local n = 0
  function up() n = n + 1 return n end
  function read() return n end
  gen = coroutine.wrap(function() for i = 1, 1e9 do coroutine.yield(i) end end)
  co = coroutine.create(function(a) while true do a = a + coroutine.yield(a) end end)
  coroutine.resume(co, 10)
  log = {}
  function step(x)
    log[#log + 1] = tostring(x)
    for i = 1, 50 do log[i .. "k"] = ("v"):rep(i) end
    return look()
  end
  function look()
    local sum = 0
    for i, k in ipairs(keys) do sum = sum + (t[k] or error("lost key " .. i)) end
    local _, c = coroutine.resume(co, 1)
    return table.concat({ sum, up(), read(), gen(), c, #log, weak[keys[1]], tostring(keys[2]), tostring(t) }, " ")
  end
]==]

describe("box:checkpoint and box:rollback", function()
  after_each(helpers.tidy)

  it("bring back all that a box holds, as often as wanted", function()
    local box = helpers.box()
    box:dostring(PROGRAM)
    local mark = box:checkpoint()
    local first = box:dostring "return step(1)"
    for round = 1, 30 do
      assert.is_nil(box:rollback(mark))
      assert.equal(first, box:dostring "return step(1)")
      local second = box:dostring "collectgarbage() return step(2)"
      assert.are_not.equal(first, second, "round " .. round)
    end
    box:rollback(mark)
    box:dostring "collectgarbage() collectgarbage()"
    assert.equal(first, box:dostring "return step(1)")
  end)

  it("keep several marks, for any order", function()
    local box = helpers.box()
    box:dostring "n, junk = 0, {}"
    local marks = {}
    for i = 1, 12 do
      box:dostring("n = n + 1 for i = 1, 500 do junk[i] = { ('j'):rep(n) .. i } end")
      marks[i] = box:checkpoint()
    end
    for _, i in ipairs { 12, 3, 7, 7, 1, 12, 5, 2, 11 } do
      box:rollback(marks[i])
      assert.equal(i, box:dostring "return n")
      assert.equal(("j"):rep(i) .. "9", box:dostring "collectgarbage() return junk[9][1]")
    end
    for i = 1, 11 do marks[i] = nil end
    collectgarbage() collectgarbage()
    box:rollback(marks[12])
    assert.equal(12, box:dostring "return n")
    -- A branch off an old state, and marks made there.
    local branch = box:checkpoint()
    box:dostring "n = 'elsewhere'"
    local far = box:checkpoint()
    box:rollback(branch)
    assert.equal(12, box:dostring "return n")
    box:rollback(far)
    assert.equal("elsewhere", box:dostring "return n")
  end)

  it("go from a large heap to a small one and back", function()
    local box = helpers.box()
    box:dostring "x = 'small'"
    local small = box:checkpoint()
    local bytes = box:usage().memory
    box:dostring "x = 'large' t = {} for i = 1, 20000 do t[i] = ('%d'):format(i):rep(20) end"
    box:dostring "for i = 1, 20000, 2 do t[i] = nil end collectgarbage() collectgarbage()"
    local large = box:checkpoint()
    local more = box:usage().memory
    for _ = 1, 5 do
      box:rollback(small)
      assert.equal("small", box:get "x")
      assert.is_true(box:usage().memory < bytes + 4096)
      assert.is_nil(box:get "t")
      box:rollback(large)
      assert.is_true(box:usage().memory > more - 4096)
      assert.equal(("20000"):rep(20), box:dostring "return t[20000]")
      assert.equal(10000, box:dostring "local n = 0 for _ in pairs(t) do n = n + 1 end collectgarbage() return n")
    end
  end)

  it("leave no trace of a call that failed", function()
    local box = helpers.box { cpu = 0.05 }
    box:dostring "state = { n = 1 } function bad() state.n = 2 state = nil error 'oops' end"
    local mark = box:checkpoint()
    helpers.raises(function() box:dostring "bad()" end, "oops")
    box:rollback(mark)
    assert.equal(1, box:dostring "return state.n")
    -- Likewise of one that was stopped; what was spent stays spent.
    helpers.raises(function() box:dostring "state = nil while true do end" end, "cpu limit")
    box:rollback(mark)
    assert.equal("exhausted", (box:status()))
    helpers.raises(function() box:dostring "return 1" end, "cpu limit")
    box:limits { cpu = 10 }
    assert.equal(1, box:dostring "return state.n")
    assert.equal("ready", (box:status()))
  end)

  it("bring a box back that was killed", function()
    local box = helpers.box { cpu = 0.05 }
    box:dostring "x, t = 'alive', setmetatable({}, {}) t[t] = t function get() return x .. tostring(t[t] == t) end"
    local mark = box:checkpoint()
    local file = helpers.captured(box)
    for _ = 1, 3 do
      helpers.raises(function() box:dostring "x = nil local s = ('a'):rep(5000) s:find(('.-'):rep(60) .. 'b')" end, "cpu limit")
      assert.equal("killed", (box:status()))
      box:rollback(mark)
      assert.equal("exhausted", (box:status()))
      assert.equal("cpu", select(2, box:status()))
      box:limits { cpu = 10 }
      assert.equal("alivetrue", box:dostring "collectgarbage() print 'here' return get()")
      box:limits { cpu = 0.05 }
    end
    assert.equal("here\nhere\nhere\n", file())
    assert.is_true(box:usage().memory < 200000)
    -- After the last mark is gone nothing brings it back.
    helpers.raises(function() box:dostring "local s = ('a'):rep(5000) s:find(('.-'):rep(60) .. 'b')" end, "cpu limit")
    mark = nil -- luacheck: ignore
    collectgarbage() collectgarbage()
    helpers.raises(function() box:checkpoint() end, "sandbox is killed")
  end)

  it("keep random numbers, and what tostring shows", function()
    local box = helpers.box()
    box:dostring "t = {} shown = tostring(t) math.random()"
    local mark = box:checkpoint()
    local first = box:dostring "return math.random() .. ' ' .. math.random(1e6)"
    box:rollback(mark)
    assert.equal(first, box:dostring "return math.random() .. ' ' .. math.random(1e6)")
    assert.is_true(box:dostring "return tostring(t) == shown")
    local fresh = helpers.box()
    mark = fresh:checkpoint()
    first = fresh:dostring "return math.random()"
    fresh:rollback(mark)
    assert.equal(first, fresh:dostring "return math.random()")
  end)

  it("count on: what was spent is not rolled back", function()
    local box = helpers.box { output = 10 }
    local out = helpers.captured(box)
    local mark = box:checkpoint()
    box:dostring "io.write '123456'"
    box:rollback(mark)
    assert.equal(6, box:usage().output)
    helpers.raises(function() box:dostring "io.write '123456'" end, "output limit")
    assert.equal("1234561234", out())
    assert.equal("exhausted", (box:status()))
  end)

  it("refuse what is no mark of this box", function()
    local box, other = helpers.box(), helpers.box()
    local mark = box:checkpoint()
    helpers.raises(function() box:rollback() end, "bad argument #1 to 'rollback' (mark expected, got no value)")
    helpers.raises(function() box:rollback(1) end, "bad argument #1 to 'rollback' (mark expected, got number)")
    helpers.raises(function() box:rollback(io.stdout) end, "mark expected, got")
    helpers.raises(function() other:rollback(mark) end, "bad argument #1 to 'rollback' (mark of another sandbox)")
    assert.truthy(tostring(mark):match "^mark: 0x%x+$")
    assert.are_not.equal(tostring(mark), tostring(box:checkpoint()))
    box:close()
    helpers.raises(function() box:rollback(mark) end, "sandbox is closed")
    helpers.raises(function() box:checkpoint() end, "sandbox is closed")
    assert.falsy(pcall(function() mark.x = 1 end))
  end)

  it("refuse a box in the middle of a call", function()
    local box = helpers.box()
    local mark = box:checkpoint()
    local said = {}
    box:set("f", function()
      said[1] = helpers.raises(function() box:checkpoint() end, "sandbox is running")
      said[2] = helpers.raises(function() box:rollback(mark) end, "sandbox is running")
    end)
    box:dostring "x = 1 f() assert(x == 1)"
    assert.equal(2, #said)
    -- A call that waits for a coroutine of the host's is under way, too.
    if helpers.version > 51 or helpers.is_jit then
      box:set("wait", function() coroutine.yield() end)
      local co = coroutine.create(function() box:dostring "wait()" end)
      assert(coroutine.resume(co))
      helpers.raises(function() box:rollback(mark) end, "sandbox is running")
      assert(coroutine.resume(co))
    end
    box:rollback(mark)
  end)
end)

describe("after box:rollback", function()
  after_each(helpers.tidy)

  it("functions of the host that the box had then work again, those given since are gone", function()
    local box = helpers.box()
    local function then_given() return "then" end
    box:set("f", then_given)
    local mark = box:checkpoint()
    for _ = 1, 3 do
      box:dostring "f = nil collectgarbage() collectgarbage()"
      box:set("g", function() return "since" end)
      box:dostring "h = g"
      then_given = nil -- luacheck: ignore
      collectgarbage()
      box:rollback(mark)
      assert.equal("then", box:dostring "return f()")
      assert.is_nil(box:get "g")
      assert.is_nil(box:dostring "return h")
    end
    -- The same function sent again is the same function inside.
    local again = box:dostring "return f"
    box:set("f2", again)
    assert.is_true(box:dostring "return f == f2")
  end)

  it("functions of the box that the host got since are errors, never another function", function()
    local box = helpers.box()
    box:dostring "function old() return 'old' end"
    local old = box:get "old"
    local mark = box:checkpoint()
    local since = {}
    for i = 1, 20 do since[i] = box:dostring("return function() return 'since' end") end
    assert.equal("since", since[1]())
    box:rollback(mark)
    assert.equal("old", old())
    for i = 1, 20 do helpers.raises(since[i], "the function is gone") end
    local now = {}
    for i = 1, 20 do now[i] = box:dostring("return function() return 'now' end") end
    for i = 1, 20 do
      helpers.raises(since[i], "the function is gone")
      assert.equal("now", now[i]())
    end
    helpers.raises(function() box:set("x", since[1]) end, "what was sent home is gone")
    -- In the state where they were made they work.
    local later = box:checkpoint()
    box:rollback(mark)
    helpers.raises(now[1], "the function is gone")
    box:rollback(later)
    assert.equal("now", now[1]())
    helpers.raises(since[1], "the function is gone")
    assert.equal("old", old())
    assert.equal(old, box:get "old")
  end)

  it("what either side has let go of is let go of", function()
    local box = helpers.box()
    box:dostring "function make() return function() return big end end"
    local mark = box:checkpoint()
    box:rollback(mark)
    local kept = box:dostring "return make()"
    local with_kept = box:checkpoint()
    local function round()
      local f = box:dostring "return make()"
      assert(f() == nil)
      box:set("g", function() return 1 end)
      box:rollback(with_kept)
      assert(kept() == nil)
    end
    round()
    collectgarbage() collectgarbage()
    local before = box:usage().memory
    for _ = 1, 300 do round() end
    collectgarbage() collectgarbage()
    box:rollback(with_kept)
    box:dostring "collectgarbage() collectgarbage()"
    assert.is_true(box:usage().memory < before + 40000, box:usage().memory - before)
    -- What the host has let go of meanwhile is garbage in the box after a return, as it would be without.
    box:rollback(mark)
    local count = box:dostring [[
      watched = setmetatable({}, { __mode = "v" })
      for i = 1, 10 do watched[i] = function() return i + 0 * #watched end end
      return watched[1], watched[2] ]]
    count() -- luacheck: ignore
    local holding = box:checkpoint()
    count = nil -- luacheck: ignore
    collectgarbage() collectgarbage()
    box:rollback(holding)
    assert.equal(0, box:dostring "collectgarbage() collectgarbage() local n = 0 for _ in pairs(watched) do n = n + 1 end return n")
  end)

  it("streams are where they are; those that the box had are its own again", function()
    local box = helpers.box()
    local input, out = helpers.handle "one\ntwo\nthree\nfour\n", helpers.captured(box)
    box:stdin(input)
    assert.equal("one", box:dostring "return io.read()")
    local mark = box:checkpoint()
    assert.equal("two", box:dostring "print 'a' return io.read()")
    box:dostring "io.stdin:close() io.stdout:close()"
    box:rollback(mark)
    assert.equal("three", box:dostring "print 'b' return io.read()")
    assert.equal("a\nb\n", out())
    -- An assignment is the host's, and stays.
    local second = helpers.captured(box)
    box:rollback(mark)
    box:dostring "print 'c'"
    assert.equal("c\n", second())
    -- A handle that the box was given.
    local given = helpers.handle "x\ny\nz\n"
    box:set("f", given)
    assert.equal("x", box:dostring "return f:read()")
    mark = box:checkpoint()
    box:dostring "f:close() f = nil collectgarbage() collectgarbage()"
    box:rollback(mark)
    assert.equal("y", box:dostring "return f:read()")
    given:close()
    box:rollback(mark)
    assert.falsy(box:dostring "return pcall(f.read, f) and (f:read())")
  end)

  it("open files of the box stand where they stood; what is in them stays", function()
    local path = helpers.directory()
    local file = assert(io.open(path .. "/lines", "w"))
    file:write("1\n2\n3\n4\n")
    file:close()
    local box = helpers.box { files = { ["/d"] = { path = path, write = true } } }
    box:dostring "f = io.open '/d/lines' f:read() out = io.open('/d/out', 'w') out:write 'first '"
    local mark = box:checkpoint()
    for _ = 1, 3 do
      assert.equal("2 3", box:dostring "return f:read() .. ' ' .. f:read()")
      box:dostring "out:write 'then ' f:close() f = nil collectgarbage() more = io.open '/d/lines'"
      box:rollback(mark)
    end
    assert.equal("2", box:dostring "return f:read()")
    assert.is_nil(box:get "more")
    box:dostring "out:write 'last!' out:close()"
    assert.equal("first last!", assert(io.open(path .. "/out")):read "*a")
    -- Those opened since are closed, and don't count any more.
    box:limits { files = 3 }
    mark = box:checkpoint()
    for _ = 1, 10 do
      assert.truthy(box:dostring "kept = io.open '/d/lines' return kept ~= nil")
      box:rollback(mark)
    end
  end)

  it("boxes below are what they were, with all that passes between", function()
    local box = helpers.box()
    box:opensandbox()
    box:dostring [[
      one, two = sandbox.new(), sandbox.new()
      one:dostring "n = 1 function f() n = n + 1 return n end"
      f = one:get "f"
      calls = 0
      one:set("g", function() calls = calls + 1 return calls end)
      two:opensandbox()
      two:dostring "deep = sandbox.new() deep:dostring 'm = 100'"
      inner = one:checkpoint()]]
    local mark = box:checkpoint()
    local WORK = [[
      local a, b = f(), one:dostring "return g()"
      two:dostring "deep:dostring 'm = m + 1'"
      local c = two:dostring "return deep:dostring 'return m'"
      return table.concat({ a, b, c, calls }, " ")]]
    assert.equal("2 1 101 1", box:dostring(WORK))
    box:dostring "three = sandbox.new() kept = three"
    assert.equal(4, box:usage().boxes)
    box:rollback(mark)
    assert.equal(3, box:usage().boxes)
    assert.equal("2 1 101 1", box:dostring(WORK))
    assert.equal("3 2 102 2", box:dostring(WORK))
    -- Closed since, and collected since.
    box:dostring "one:close() two = nil collectgarbage() collectgarbage()"
    assert.equal(0, box:usage().boxes)
    local memory = box:usage().memory
    box:rollback(mark)
    if not helpers.is_jit then
      assert.equal(3, box:usage().boxes)
      assert.is_true(box:usage().memory > memory + 30000)
      assert.equal("2 1 101 1", box:dostring(WORK))
      box:dostring "one:rollback(inner)"
      assert.equal("2 2 102 2", box:dostring(WORK))
      assert.equal("ready", box:dostring "return one:status()")
      box:dostring "one:limits { cpu = 3 } one:close()"
      assert.equal("closed", box:dostring "return one:status()")
    end
    box:rollback(mark)
  end)
end)

describe("marks", function()
  after_each(helpers.tidy)

  it("cost the host their bytes until they are collected", function()
    local box = helpers.box()
    box:dostring "t = ('x'):rep(1e6)"
    helpers.assert_flat(600, function() box:checkpoint() end)
  end)

  it("are paid for by a box that makes them", function()
    local box = helpers.box { memory = 2 * helpers.MiB }
    box:opensandbox()
    box:dostring "below = sandbox.new() below:dostring [[t = ('x'):rep(2e5)]] marks = {}"
    local made = box:dostring [[
      local ok, message
      for i = 1, 100 do
        ok, message = pcall(below.checkpoint, below)
        if not ok then break end
        marks[i] = message
      end
      return ok and 'no end' or #marks .. ' ' .. message]]
    assert.equal("not enough memory", made:match "^%d+ (.*)$")
    assert.is_true(tonumber(made:match "^%d+") < 10)
    box:dostring "below:rollback(marks[1]) marks = nil collectgarbage() collectgarbage()"
    assert.equal(200000, box:dostring "mark = below:checkpoint() return below:dostring 'return #t'")
  end)

  it("work at every depth", function()
    helpers.at_every_depth [[
      local box = sandbox.new()
      box:dostring "x = 1"
      local given = 0
      box:set("f", function() given = given + 1 return given end)
      local f = box:dostring "return function() return x end"
      local mark = box:checkpoint()
      local since = box:dostring "x = 2 f = nil collectgarbage() return function() return x end"
      assert(f() == 2 and since() == 2)
      box:rollback(mark)
      assert(f() == 1 and box:dostring "return f()" == 1)
      local ok, message = pcall(since)
      assert(not ok and message:find("the function is gone", 1, true), message)
      ok, message = pcall(box.rollback, box, {})
      assert(not ok and message:find("mark expected", 1, true), message)
      box:close()]]
  end)

  it("of a box without room for what it was are an ordinary error", function()
    local box = helpers.box()
    box:dostring "t = {} for i = 1, 2000 do t[i] = { i } end"
    local mark = box:checkpoint()
    box:dostring "t = nil collectgarbage() collectgarbage()"
    box:limits { memory = 100000 }
    helpers.raises(function() box:rollback(mark) end, "not enough memory")
    assert.is_nil(box:dostring "return t")
    box:limits { memory = helpers.MiB }
    box:rollback(mark)
    assert.equal(2000, box:dostring "return #t")
  end)

  it("leave compiled code and a counted box whole", function()
    local box = helpers.box()
    box:dostring "function loop() local n = 0 for i = 1, 20000 do n = n + i % 7 end return n end"
    local expected = box:dostring "return loop()"
    local mark = box:checkpoint()
    for _ = 1, 20 do
      assert.equal(expected, box:dostring "return loop()")
      box:rollback(mark)
    end
    box:limits { instructions = 1e9 }
    assert.equal(expected, box:dostring "return loop()")
    local counted = box:checkpoint()
    box:limits { instructions = math.huge }
    for _ = 1, 5 do
      box:rollback(counted)
      assert.equal(expected, box:dostring "return loop()")
      box:rollback(mark)
      assert.equal(expected, box:dostring "return loop()")
    end
    box:limits { instructions = 1000 }
    box:rollback(mark)
    helpers.raises(function() box:dostring "loop()" end, "instructions limit")
  end)

  it("don't grow the process", function()
    local box = helpers.box()
    box:dostring(PROGRAM)
    local mark = box:checkpoint()
    helpers.assert_flat(2000, function()
      box:dostring "step(1)"
      box:rollback(mark)
    end)
    assert.equal(sandbox._VERSION:match "^%S+", "sandbox")
  end)
end)
