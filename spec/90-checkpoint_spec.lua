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
