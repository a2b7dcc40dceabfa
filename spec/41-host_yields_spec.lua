--- Manual, section 6: a host function that a box calls may yield the host's coroutine; the box waits meanwhile. What may be done with a
-- box that waits is in 41-host_yields_waiting.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"
local waiting = require "spec.waiting"

local it_unless, raises, unpack = helpers.it_unless, helpers.raises, helpers.unpack
local waiter, start, finish, collect = waiting.box, waiting.start, waiting.finish, waiting.collect

local own_coroutine = helpers.lua == "5.1"
  and "Lua 5.1: a host function that may yield runs on a coroutine of its own, since pcall can't be yielded across"

local function pack(...) return { n = select("#", ...), ... } end

describe("a host function that yields", function()
  after_each(helpers.tidy)

  local function both_ways(call)
    local co, a, b, c = start(call)
    assert.same({ 1, nil, "three" }, { a, b, c })
    local results = pack(finish(co, nil, "x", nil))
    assert.equal(3, results.n)
    assert.equal("x", results[2])
  end

  local CODE = "return wait(1, nil, 'three')"

  it("waits through dostring", function()
    local box = waiter()
    both_ways(function() return box:dostring(CODE) end)
    assert.equal("ready", box:status())
  end)

  it("waits through dofile", function()
    local box, path = waiter(), helpers.file(CODE)
    both_ways(function() return box:dofile(path) end)
  end)

  it("waits through a function of the box", function()
    local box = waiter()
    both_ways(box:load(CODE))
    local f = box:dostring("return function(...) return wait(...) end")
    both_ways(function() return f(1, nil, "three") end)
    assert.is_true(box:dostring("local f, g = ... return f == g", f, f))
  end)

  it("waits through sandbox.run, which closes the box after", function()
    local weak = setmetatable({}, { __mode = "k" })
    both_ways(function()
      return sandbox.run("local wait = ... return wait(1, nil, 'three')", nil, function(...)
        local sent = {}
        weak[sent] = true
        return coroutine.yield(...)
      end)
    end)
    collect()
    assert.is_nil(next(weak))
  end)

  it("may be coroutine.yield itself, and a function of another box", function()
    local box, other = helpers.box(), waiter()
    box:set("wait", coroutine.yield)
    both_ways(function() return box:dostring(CODE) end)
    box:set("wait", other:get("wait"))
    both_ways(function() return box:dostring(CODE) end)
    box:set("wait", other:load("return wait(...)"))
    both_ways(function() return box:dostring(CODE) end)
  end)

  it("gets through whatever the box is in the middle of", function()
    local box = waiter()
    local co = coroutine.wrap(function()
      return box:dostring [[
        local said = {}
        local function say(...) said[#said + 1] = wait(...) end
        pcall(say, 1)
        coroutine.wrap(function() say(2) end)()
        table.sort({ 3, 4 }, function(a, b) if #said < 3 then say(3) end return a < b end);
        ("x"):gsub("x", function() say(4) end)
        local t = setmetatable({}, { __index = function(_, k) say(k) return k end })
        return t[5], table.concat(said, " ")
      ]]
    end)
    assert.equal(1, co())
    for i = 2, 5 do assert.equal(i, co("r" .. i - 1)) end
    assert.same({ 5, "r1 r2 r3 r4 r5" }, { co("r5") })
  end)

  it_unless(helpers.no_table_gc, "gets through a finalizer of the box", function()
    local box = waiter()
    local co, what = start(function()
      return box:dostring("setmetatable({}, { __gc = function() got = wait('gc') end }) collectgarbage() return got")
    end)
    assert.equal("gc", what)
    assert.equal(7, box:dostring("local t = {} for i = 1, 1000 do t[i] = {} end return 7"))
    assert.equal("answer", finish(co, "answer"))
  end)

  it("takes and gives hundreds of values", function()
    local box, many = waiter(), {}
    for i = 1, 250 do many[i] = i end
    local co = coroutine.create(function() return box:dostring("return wait(...)", unpack(many)) end)
    assert.equal(251, select("#", coroutine.resume(co)))
    local results = { coroutine.resume(co, unpack(many)) }
    assert.equal(251, #results)
    assert.equal(250, results[251])
  end)

  it_unless(own_coroutine, "runs on the coroutine that called the box", function()
    local box, seen = helpers.box(), nil
    box:set("look", function() seen = coroutine.running() end)
    local co = coroutine.create(function() box:dostring("look()") end)
    assert(coroutine.resume(co))
    assert.equal(co, seen)
  end)

  it("may be resumed from any other coroutine, and in any order", function()
    local box = waiter()
    local first = start(function() return box:dostring("local x = 1 wait() return x") end)
    local second = start(function() return box:dostring("local x = 2 wait() return x") end)
    local third = coroutine.wrap(function() return finish(first) end)()
    assert.equal(1, third)
    local fourth = start(function() return box:dostring("local x = 4 wait() return x") end)
    assert.equal(2, finish(second))
    assert.equal("running", box:status())
    assert.equal(4, coroutine.wrap(function() return finish(fourth) end)())
    assert.equal("ready", box:status())
  end)

  it("raises into the box, which may catch it", function()
    local box = helpers.box()
    box:set("fail", function(value)
      coroutine.yield()
      error(value, 0)
    end)
    local co = start(function() return box:dostring("local ok, e = pcall(fail, { 1, 2 }) return ok, e[2]") end)
    assert.same({ false, 2 }, { finish(co) })
    co = start(function() box:dostring("fail('plain')") end)
    assert.same({ false, "plain" }, { coroutine.resume(co) })
    co = start(function() box:dostring("fail({ 5 })") end)
    local ok, value = coroutine.resume(co)
    assert.is_false(ok)
    assert.same({ 5 }, value)
    assert.equal("ready", box:status())
  end)

  it("may give what can't cross, which is the box's error", function()
    local box = waiter()
    local co = start(function() return box:dostring("local ok, e = pcall(wait) return ok, e") end)
    local ok, message = finish(co, { at = coroutine.create(function() end) })
    assert.is_false(ok)
    assert(message:find("a thread cannot cross", 1, true), message)
  end)

  it("lets the box raise, or end its call, after the wait", function()
    local box = waiter()
    local co = start(function() box:dostring("wait() error({ 'after' })") end)
    local ok, value = coroutine.resume(co)
    assert.is_false(ok)
    assert.same({ "after" }, value)
    co = start(function() return box:dostring("wait() os.exit(3) return 1") end)
    assert.equal(0, select("#", finish(co)))
    assert.equal(3, box:usage().exit)
    assert.equal(1, box:dostring("return 1"))
  end)

  it("may call back into the box that waits, and yield there", function()
    local box = waiter()
    local down = box:load("local n = ... if n == 0 then return wait('bottom') end return n + again(n - 1)")
    box:set("again", function(n) return down(n) end)
    local co, at = start(function() return down(10) end)
    assert.equal("bottom", at)
    assert.equal(55, finish(co, 0))
    assert.equal("ready", box:status())
  end)

  it("ends endless recursion through the wall in an ordinary error", function()
    local box = helpers.box()
    box:set("again", function() return box:dostring("return 1 + again()") end)
    local ok, message = coroutine.resume(coroutine.create(function() return box:dostring("return again()") end))
    assert.is_false(ok)
    assert(tostring(message):find("overflow", 1, true), tostring(message))
    assert.equal("ready", box:status())
    assert.equal(1, box:dostring("return 1"))
  end)

  it("makes boxes two levels below wait with the whole chain", function()
    local box = waiter()
    box:opensandbox()
    local co, at = start(function()
      return box:dostring [[
        below = sandbox.new()
        below:set("ask", function(...) return "through", wait(...) end)
        return below:dostring("return ask('deep')")
      ]]
    end)
    assert.equal("deep", at)
    assert.equal("running", box:status())
    assert.equal("running", box:dostring("return below:status()"))
    assert.equal(4, box:dostring("return below:dostring('return 4')"))
    assert.same({ "through", "answer" }, { finish(co, "answer") })
    assert.equal("ready", box:dostring("return below:status()"))
  end)
end)

describe("a yield that has a C function in its way", function()
  after_each(helpers.tidy)

  it("is an ordinary error in the host function, and the box may catch it", function()
    local box = waiter()
    local said
    coroutine.wrap(function()
      table.sort({ 2, 1 }, function()
        said = said or box:dostring("local ok, message = pcall(wait) return message")
        return false
      end)
    end)()
    assert(said:find("yield", 1, true), said)
    raises(function() box:dostring("wait()") end, "yield")
  end)

  it("is a failed read in a reader, an error in an environment", function()
    local box = helpers.box()
    box:stdin(sandbox.newstream(function() coroutine.yield() end))
    box:env(function() coroutine.yield() end)
    local line, message, ok, why = coroutine.wrap(function()
      return box:dostring("local line, message = io.read() return line, message, pcall(os.getenv, 'X')")
    end)()
    assert.is_nil(line)
    assert.equal("string", type(message))
    assert.is_false(ok)
    assert(why:find("yield", 1, true), why)
  end)
end)
