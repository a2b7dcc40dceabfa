--- What isolated-vm's tests ask, taken further than in 70-peers: timers that meet, disposal from every callback, calls made
-- later, recursion through several borders, memory that runs out on the way, collections without end, the parser's overflow.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, MiB = helpers.raises, helpers.MiB

describe("isolated-vm: timers", function()
  after_each(helpers.tidy)

  it("of both kinds run together, and each starts anew on its own", function()
    local box = helpers.box { cpu = 0.1, wall = 0.2 }
    box:set("nap", function() helpers.sleep(0.3) end)
    raises(function() box:dostring("nap()") end, "wall limit of 0.2 s exceeded")
    assert.same({ "exhausted", "wall" }, { box:status() })
    -- A fresh allowance of the other kind is none of this one.
    box:limits { cpu = 0.1 }
    assert.same({ "exhausted", "wall" }, { box:status() })
    box:limits { wall = 60 }
    assert.equal("ready", (box:status()))
    -- The wait has used up no CPU time.
    raises(function() box:dostring("nap() while true do end") end, "cpu limit of 0.1 s exceeded")
    helpers.assert_stopped(box, "cpu")
  end)

  it("do not run while nothing does: a box at rest never runs out of time", function()
    local box = helpers.box { wall = 1, cpu = 0.2 }
    local f = box:dostring("return function(x) return x end")
    helpers.sleep(1.2)
    assert.equal(5, f(5))
    helpers.burn(0.3)
    assert.equal(6, f(6))
    assert.equal("ready", (box:status()))
  end)

  it("stop a function that was kept and is called later, as often as it is", function()
    local box = helpers.box { cpu = 0.05 }
    local kept = box:dostring("n = 0 return { spin = function() n = n + 1 while true do end end, fine = function() return n end }")
    raises(kept.spin, "cpu limit of 0.05 s exceeded")
    helpers.assert_stopped(box, "cpu")
    local killed = box:status() == "killed"
    raises(kept.fine, killed and "sandbox is killed" or "cpu limit of 0.05 s exceeded")
    if killed then return end
    for round = 2, 4 do
      box:limits { cpu = 0.05 }
      raises(kept.spin, "cpu limit of 0.05 s exceeded")
      box:limits { cpu = 1 }
      assert.equal(round, kept.fine())
    end
  end)

  it("stop what another box calls, and neither the caller nor the one in between", function()
    local a, b = helpers.box { cpu = 5 }, helpers.box { cpu = 0.05 }
    b:dostring("function spin() while true do end end")
    a:set("spin", b:get("spin"))
    local ok, message = a:dostring("return pcall(spin)")
    assert.is_false(ok)
    assert.is_truthy(message:find("cpu limit of 0.05 s exceeded", 1, true))
    helpers.assert_stopped(b, "cpu")
    assert.equal("ready", (a:status()))
  end)
end)

describe("isolated-vm: disposal", function()
  after_each(helpers.tidy)

  -- { from where, code that leads there, prepare(box, close) }
  local PLACES = {
    { "a function", "close()", function(box, close) box:set("close", close) end },
    { "a reader", "io.read('*l')", function(box, close) box:stdin(sandbox.newstream(function() close() return "line\n" end)) end },
    { "a writer", "io.write(('x'):rep(2^16)) io.stdout:flush()", function(box, close) box:stdout(sandbox.newstream(nil, close)) end },
    { "an env function", "os.getenv('NAME')", function(box, close) box:env(function() close() return "value" end) end },
    { "a function that the box below calls", "below:dostring('close()')", function(box, close)
        box:set("close", close)
        box:dostring("below:set('close', close)")
      end },
    { "a function that the host calls back", "call(function() close() end)", function(box, close)
        box:set("close", close)
        box:set("call", function(f) f() end)
      end },
    { "a coroutine of the host", "close()", function(box, close)
        box:set("close", function() assert(coroutine.resume(coroutine.create(close))) end)
      end },
  }
  for _, place in ipairs(PLACES) do
    local where, code, prepare = place[1], place[2], place[3]
    it("of a running box, by itself, from " .. where, function()
      local box, after = helpers.box { cpu = 5 }, 0
      box:opensandbox()
      box:dostring("below = sandbox.new()")
      box:set("after", function() after = after + 1 end)
      prepare(box, function() box:close() end)
      raises(function() box:dostring("pcall(function() " .. code .. " end) after() while true do end") end, "sandbox is closed")
      assert.equal(0, after)
      assert.same({ "closed" }, { box:status() })
      assert.equal(1, helpers.box():dostring("return 1"))
    end)
  end

  it("of a box below that runs, by the one above, leaves that one running", function()
    local box = helpers.box { cpu = 5 }
    box:opensandbox()
    assert.same({ false, "sandbox is closed", "closed" }, { box:dostring([[
      local below = sandbox.new()
      below:opensandbox()
      below:set("close", function() below:close() end)
      local ok, message = pcall(below.dostring, below,
        "lowest = sandbox.new() lowest:set('up', close) lowest:dostring('up()') while true do end")
      message = message:match("sandbox is closed$")
      collectgarbage()
      return ok, message, below:status()]]) })
    assert.equal(0, box:usage().boxes)
    assert.equal("ready", (box:status()))
  end)

  it("of a box in between, from the bottom, ends the calls of all below it", function()
    local top, middle = helpers.box(), helpers.box()
    local notes = {}
    middle:set("close", function() middle:close() end)
    middle:set("note", function() notes[#notes + 1] = "middle" end)
    top:set("call", function() return pcall(middle.dostring, middle, "pcall(close) note()") end)
    local ok, message = top:dostring("return call()")
    assert.is_false(ok)
    assert.equal("sandbox is closed", message)
    assert.same({}, notes)
    assert.equal("ready", (top:status()))
  end)

  it("many times over, of a box with calls under way on several levels, leaves nothing", function()
    helpers.assert_flat(200, function()
      local box = sandbox.new()
      box:opensandbox()
      box:set("close", function() box:close() end)
      pcall(box.dostring, box, "local b = sandbox.new() b:set('close', close) b:dostring('close() while true do end')")
      assert(box:status() == "closed")
    end)
  end)
end)

describe("isolated-vm: recursion across borders", function()
  after_each(helpers.tidy)

  it("of two boxes through the host ends in an ordinary error, again and again", function()
    local a, b = helpers.box { cpu = 20 }, helpers.box { cpu = 20 }
    local calls = 0
    a:set("other", function() calls = calls + 1 return b:dostring("return other()") end)
    b:set("other", function() return a:dostring("return other()") end)
    for _ = 1, 3 do
      calls = 0
      raises(function() a:dostring("return other()") end, "stack overflow")
      assert.is_true(calls > 5, "only " .. calls .. " calls deep")
      assert.same({ "ready" }, { a:status() })
      assert.same({ "ready" }, { b:status() })
    end
  end)

  it("of a box and one below it, by functions of each, too", function()
    local box = helpers.box { cpu = 20 }
    box:opensandbox()
    local ok, message, status, calls = box:dostring([[
      local below, calls = sandbox.new(), 0
      below:set("up", function() calls = calls + 1 return below:dostring("return up()") end)
      local ok, message = pcall(below.dostring, below, "return up()")
      return ok, message, below:status(), calls]])
    assert.is_false(ok)
    assert.is_truthy(message:find("stack overflow", 1, true), message)
    assert.equal("ready", status)
    assert.is_true(calls > 5, "only " .. calls .. " calls deep")
    assert.equal(3, box:dostring("return sandbox.run('return 3')"))
  end)

  it("is stopped by a limit, which names the box that it belongs to", function()
    local a, b = helpers.box { cpu = 0.1 }, helpers.box { cpu = 20 }
    local stopped
    a:set("other", function()
      local ok, message = pcall(b.dostring, b, "back()")
      stopped = stopped or not ok and message
      return ok
    end)
    b:set("back", function() a:dostring("while true do end") end)
    raises(function() a:dostring("other() other()") end, "cpu limit of 0.1 s exceeded")
    assert.is_truthy(stopped:find("cpu limit of 0.1 s exceeded", 1, true))
    helpers.assert_stopped(a, "cpu")
    assert.same({ "ready" }, { b:status() })
  end)
end)

describe("isolated-vm: memory", function()
  after_each(helpers.tidy)

  it("runs out on the way in, wherever a value enters, and the box goes on", function()
    local box = helpers.box { memory = 2 * MiB, cpu = 20 }
    local list = {}
    for i = 1, 1e5 do list[i] = { "item " .. i } end
    box:dostring("function take(...) return select('#', ...) end")
    box:set("give", function() return list end)
    box:set("fail", function() error(list) end)
    box:set("call", function(f) return f(list) end)
    local take = box:get("take")
    for what, enter in pairs {
      set = function() box:set("list", list) end,
      argument = function() box:dostring("return ...", list) end,
      ["proxy's argument"] = function() take(list) end,
      result = function() box:dostring("list = give()") end,
      error = function() box:dostring("fail()") end,
      callback = function() box:dostring("call(take)") end,
      ["second of two"] = function() box:dostring("return 1", {}, list) end,
    } do
      raises(enter, "not enough memory")
      assert.same({ "ready" }, { box:status() }, what)
      assert.equal(2, box:dostring("collectgarbage() return take(1, 2)"))
    end
    assert.is_nil(box:get("list"))
    assert.is_true(box:usage().memory_peak <= 2 * MiB)
  end)

  it("runs out in nested objects of every kind, which are garbage then", function()
    local box = helpers.box { memory = 3 * MiB, cpu = 30 }
    for _, code in ipairs {
      "local t = {} while true do t = { t } end",
      "local t = {} while true do t = { t, t, k = t, [t] = 1 } end",
      "local f = function() end while true do local g = f f = function() return g end end",
      "local t = {} while true do t = setmetatable({}, { __index = t }) end",
      "local c while true do local d = c c = coroutine.create(function() return d end) end",
    } do
      raises(function() box:dostring(code) end, "not enough memory")
      assert.same({ "ready" }, { box:status() }, code)
      assert.equal(1, box:dostring("collectgarbage() collectgarbage() return 1"))
    end
    assert.is_true(box:usage().memory_peak <= 3 * MiB)
  end)

  it("of a collection that never ends is given back, and the time is the box's", function()
    local again = [[
      if newproxy then
        function again() getmetatable(newproxy(true)).__gc = again end
      else
        function again() setmetatable({}, { __gc = again }) end
      end
      again() ]]
    for _, code in ipairs { "while true do collectgarbage() end", "while true do local t = { {}, {} } end",
      "while true do collectgarbage('step') end" } do
      local box = helpers.box { cpu = 0.1, memory = 8 * MiB }
      helpers.assert_cpu_stop(box, 0.1, again .. code)
      box:close()
    end
    local box = helpers.box { cpu = 5, memory = 8 * MiB }
    box:dostring(again)
    for _ = 1, 20 do box:dostring("collectgarbage()") end
    assert.same({ "ready" }, { box:status() })
    assert.is_true(box:usage().memory < MiB)
  end)
end)

describe("isolated-vm: the parser", function()
  after_each(helpers.tidy)

  it("overflows into an ordinary message or error, and the box goes on", function()
    local box = helpers.box { cpu = 20 }
    local n = 1e5
    local sources = {
      "return " .. ("("):rep(n) .. "1" .. (")"):rep(n), "return " .. ("{"):rep(n) .. ("}"):rep(n),
      "return " .. ("-"):rep(n, " ") .. " 1", "return " .. ("not "):rep(n) .. "1", "return " .. ("1 .. "):rep(n) .. "1",
      "return " .. ("1 ^ "):rep(n) .. "1", "return " .. ("function() return "):rep(n) .. "1" .. (" end"):rep(n),
      ("do "):rep(n) .. ("end "):rep(n), ("if x then "):rep(n) .. ("end "):rep(n), ("while x do "):rep(n) .. ("end "):rep(n),
      ("for i = 1, 2 do "):rep(n) .. ("end "):rep(n), ("repeat "):rep(n) .. ("until x "):rep(n),
      "return a" .. ("[a"):rep(n) .. ("]"):rep(n), "return f" .. ("(f"):rep(n) .. (")"):rep(n), "local " .. ("a, "):rep(n) .. "a",
      "return " .. ("a."):rep(n) .. "a", ("a = {"):rep(n),
    }
    for _, source in ipairs(sources) do
      local f, message = box:load(source)
      assert.is_true(type(f) == "function" or f == nil and type(message) == "string", source:sub(1, 40))
      local ok = pcall(box.dostring, box, "local ok = pcall((loadstring or load), ...) assert(ok)", source)
      assert.is_true(ok or box:status() == "ready", source:sub(1, 40))
      assert.same({ "ready" }, { box:status() }, source:sub(1, 40))
    end
    assert.equal(1, box:dostring("collectgarbage() return 1"))
  end)
end)
