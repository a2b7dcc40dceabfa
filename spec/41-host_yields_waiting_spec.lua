--- Manual, section 6: what may be done with a box that waits for a host function which has yielded; its limits; many that wait.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"
local waiting = require "spec.waiting"

local it_unless, raises = helpers.it_unless, helpers.raises
local waiter, start, finish, collect = waiting.box, waiting.start, waiting.finish, waiting.collect

describe("a box that waits", function()
  after_each(helpers.tidy)

  it("can be asked and changed, and its streams and environment work", function()
    local box = waiter()
    local co = start(function() return box:dostring("wait() print(os.getenv('E')) return x") end)
    assert.equal("running", box:status())
    assert(box:usage().memory > 0)
    assert.is_nil(box:traceback())
    box:env { E = "later" }
    assert.equal(5, box:limits { cpu = 5 }.cpu)
    local output = helpers.captured(box)
    box:set("x", 8)
    assert.equal(8, finish(co))
    assert.equal("later\n", output())
  end)

  it("raises `sandbox is closed` when it was closed meanwhile", function()
    local box = waiter()
    local mark = helpers.resident()
    local co = start(function() return box:dostring("s = ('x'):rep(1e7) wait()") end)
    box:close()
    assert.equal("closed", box:status())
    assert(helpers.resident() < mark + 7e6, "a closed box keeps its memory")
    local ok, message = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal("sandbox is closed", message)
  end)

  it("may be closed by the function that it calls, before or after that yields", function()
    for _, first in ipairs { true, false } do
      local box = helpers.box()
      box:set("close", function()
        if first then box:close() end
        coroutine.yield(first)
        box:close()
        return {}
      end)
      local co = start(function() return box:dostring("pcall(close) return 1") end)
      local ok, message = coroutine.resume(co)
      assert.is_false(ok)
      assert.equal("sandbox is closed", message)
      assert.equal("closed", box:status())
    end
  end)

  it("is closed with the box above it", function()
    local box = waiter()
    box:opensandbox()
    local co = start(function()
      return box:dostring("local b = sandbox.new() b:set('wait', wait) return b:dostring('return wait()')")
    end)
    box:close()
    local ok, message = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal("sandbox is closed", message)
  end)

  it("is left as after a stop when its coroutine is collected", function()
    local box = waiter()
    start(function() box:dostring("x = 1 wait() x = 2") end)
    collect()
    assert.equal("ready", box:status())
    assert.equal(1, box:get("x"))
  end)

  it("is collected with its coroutine", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      start(function()
        local box = sandbox.new()
        weak[box] = true
        box:set("wait", coroutine.yield)
        box:dostring("wait()")
      end)
    end
    collect()
    assert.is_nil(next(weak))
  end)

  it_unless(helpers.no_close, "is left at once when its coroutine is closed", function()
    local box = waiter()
    local co = start(function() box:dostring("x = 1 wait() x = 2") end)
    assert.is_true(coroutine.close(co))
    assert.equal("ready", box:status())
    assert.equal(1, box:dostring("return x"))
  end)

  it("leaves nothing behind, resumed or not", function()
    local box = waiter()
    helpers.assert_flat(300, function()
      local co = start(function() return box:dostring("local t = wait({}, print) return t") end)
      if math.random() < 0.5 then finish(co, { 1, function() end }) end
    end)
  end)
end)

describe("limits of a box that waits", function()
  after_each(helpers.tidy)

  it("count no cpu time", function()
    local box = waiter { cpu = 0.3 }
    local co = start(function() return box:dostring("wait() return 'fine'") end)
    helpers.burn(0.5)
    assert.equal("fine", finish(co))
    assert(box:usage().cpu < 0.3)
  end)

  it("count real time, and stop the box when it goes on", function()
    local box = waiter { wall = 0.5 }
    local co = start(function() return box:dostring("pcall(wait) return 'outlasted'") end)
    helpers.sleep(0.55)
    assert.equal("running", box:status())
    local ok, message = coroutine.resume(co)
    assert.is_false(ok)
    assert(message:find("wall limit of 0.5 s exceeded", 1, true), message)
    helpers.assert_stopped(box, "wall", true)
  end)

  it("give each call its own real time", function()
    local box = waiter { wall = 0.2 }
    local early = start(function() return box:dostring("wait() return 'early'") end)
    helpers.sleep(0.25)
    -- begun now, while the other one's time is up
    local late = start(function() return box:dostring("wait() return 'late'") end)
    box:limits { wall = 60 }
    assert.equal("late", finish(late))
    assert.equal("early", finish(early))
    early = start(function() return box:dostring("wait() return 'early'") end)
    box:limits { wall = 0.05 }
    helpers.sleep(0.1)
    assert.is_false((coroutine.resume(early)))
  end)

  it("stop it after the wait, softly", function()
    local box = waiter { cpu = 0.1 }
    local co = start(function() box:dostring("x = wait() while true do end") end)
    local ok, message = coroutine.resume(co, 5)
    assert.is_false(ok)
    assert(message:find("cpu limit of 0.1 s exceeded", 1, true), message)
    helpers.assert_stopped(box, "cpu", true)
  end)

  it("stop its other calls when they go on, unless there is a fresh allowance by then", function()
    for _, fresh in ipairs { true, false } do
      local box = waiter { cpu = 0.05 }
      local co = start(function() return box:dostring("wait() return 'went on'") end)
      raises(function() box:dostring("local n = 0 while true do n = (n * 3 + 1) % 1000 end") end, "cpu limit")
      if fresh then box:limits { cpu = 5 } end
      local ok, what = coroutine.resume(co)
      if fresh and box:status() == "ready" then
        assert.same({ true, "went on" }, { ok, what })
      else
        assert.is_false(ok)
        assert(what:find("cpu limit", 1, true), what)
      end
    end
  end)
end)

describe("a scheduler in plain Lua", function()
  after_each(helpers.tidy)

  it("drives 1,000 boxes that sleep, all of which wait at once", function()
    local clock, sleepers, most = 0, {}, 0
    local function sleep(ticks)
      coroutine.yield(clock + ticks)
      return clock
    end
    local log = 0
    for i = 1, 1000 do
      local co = coroutine.create(function()
        local box = sandbox.new { memory = 2 ^ 20 }
        box:set("sleep", sleep)
        local woken = box:dostring("local n, t = ..., 0 for i = 1, 3 do t = sleep(n) end return t", 1 + i % 7)
        assert(woken == 3 * (1 + i % 7), "woken at " .. woken)
        box:close()
        log = log + 1
      end)
      sleepers[i] = { co = co, at = 0 }
    end
    while #sleepers > 0 do
      local left = {}
      for _, sleeper in ipairs(sleepers) do
        if sleeper.at <= clock then
          local ok, at = coroutine.resume(sleeper.co)
          assert(ok, at)
          sleeper.at = at
        end
        if coroutine.status(sleeper.co) == "suspended" then left[#left + 1] = sleeper end
      end
      sleepers, most = left, math.max(most, #left)
      clock = clock + 1
    end
    assert.equal(1000, most)
    assert.equal(1000, log)
    assert.equal(22, clock)
  end)
end)
