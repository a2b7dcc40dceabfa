--- box:clone of boxes with boxes below them, and by boxes of boxes below them: what is copied, and who pays.

local helpers = require "spec.helpers"

local no_clone = helpers.is_jit and "LuaJIT hashes whole addresses: a copy in another place would lose its keys"
local it = function(name, body) helpers.it_unless(no_clone, name, body) end

describe("box:clone", function()
  after_each(helpers.tidy)

  it("clones the boxes below with it", function()
    local box = helpers.box()
    box:opensandbox()
    box:dostring [[
      one = sandbox.new()
      one:opensandbox()
      one:dostring "n = 0 function f() n = n + 1 return n end two = sandbox.new()"
      one:dostring "two:dostring 'm = 10 function h() m = m + 1 return m end' h = two:get 'h'"
      f = one:get "f"
      calls = 0
      one:set("g", function() calls = calls + 1 return calls end)
      mark = one:checkpoint()
      out = {}
      one:stdout(sandbox.newstream(nil, function(s) out[#out + 1] = s end))
      function work()
        one:dostring "print 'x'"
        return table.concat({ f(), one:dostring "return g()", one:dostring "return h()", calls, #out }, " ")
      end]]
    local clone = box:clone()
    assert.equal(2, clone:usage().boxes)
    for i = 1, 3 do
      local expected = table.concat({ i, i, 10 + i, i, i }, " ")
      assert.equal(expected, (clone:dostring "return work()"))
    end
    assert.equal("1 1 11 1 1", (box:dostring "return work()"))
    local third = clone:clone()
    box:close()
    assert.equal("4 4 14 4 4", (third:dostring "return work()"))
    assert.equal("4 4 14 4 4", (clone:dostring "return work()"))
    clone:dostring "one:rollback(mark)"
    assert.equal("1 5 11 5 5", (clone:dostring "return work()"))
    assert.equal("5 5 15 5 5", (third:dostring "return work()"))
    assert.equal(5, third:dostring "one:close() five = sandbox.new() return five:dostring 'return 5'")
    assert.equal(1, third:usage().boxes)
    assert.equal("closed", third:dostring "return one:status()")
    assert.equal("ready", clone:dostring "return one:status()")
    clone:dostring "one, f, h = nil collectgarbage() collectgarbage()"
    collectgarbage()
  end)

  it("works at every depth", function()
    helpers.at_every_depth [[
      local box = sandbox.new()
      box:dostring "x = 1 t = {} k = {} t[k] = 1 co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) co()"
      local calls = 0
      box:set("f", function() calls = calls + 1 return calls end)
      local clones = {}
      for i = 1, 20 do
        clones[i] = box:clone { cpu = 1 }
        assert(clones[i]:dostring "return co() + t[k] + f()" == 3 + i)
      end
      box:close()
      collectgarbage()
      assert(clones[20]:dostring "collectgarbage() return co() + t[k] + f()" == 25)
      for i = 1, 20 do clones[i]:close() end]]
  end)

  it("is charged to the same chain of budgets; without room it is an ordinary error", function()
    local box = helpers.box { memory = 1e6 }
    box:opensandbox()
    local n = box:dostring [[
      below = sandbox.new()
      below:dostring "t = ('x'):rep(1e5) collectgarbage() collectgarbage()"
      clones = {}
      repeat
        local ok, clone = pcall(below.clone, below)
        if ok then clones[#clones + 1] = clone else message = clone end
      until not ok
      return #clones]]
    assert.is_true(n >= 3 and n < 10, n)
    assert.equal("not enough memory", box:get "message")
    assert.equal(n + 1, box:usage().boxes)
    assert.is_true(box:usage().memory > n * 1.2e5)
    box:dostring "clones = nil collectgarbage() collectgarbage()"
    assert.equal(1, box:usage().boxes)
    assert.truthy(box:dostring "return below:clone():status()")
    -- A box that forks its boxes pays with its own time and its own memory, however it goes about it.
    local bomb = helpers.box { memory = 4e6, cpu = 0.2 }
    bomb:opensandbox()
    assert.falsy(pcall(bomb.dostring, bomb, "local b = sandbox.new() local all = {} "
      .. "local function fork() all[#all + 1] = b:clone() end while true do pcall(fork) end"))
    helpers.assert_stopped(bomb, "cpu")
  end)
end)
