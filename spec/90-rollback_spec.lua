--- box:rollback: what is right of all that had crossed the wall by the mark and since: functions, streams, files, boxes below.

local helpers = require "spec.helpers"

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
    local path = helpers.tree { lines = "1\n2\n3\n4\n" }
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
