--- Manual, section 3: the soft stop. The code is left where it stands, the box is exhausted, its globals and heap
-- intact, box:limits makes it run again, and nothing of the box runs because of the stop.

local helpers = require "spec.helpers"

local raises, it_unless = helpers.raises, helpers.it_unless
local hard = helpers.no_soft_stop

-- Places to be stopped in; each spins where it says.
local PLACES = {
  { "a loop", "while true do end" },
  { "a loop with upvalues", "local n = 0 function count() return n end while true do n = n + 1 end" },
  { "pcall loops", "while true do pcall(function() while true do end end) end" },
  { "pcall in pcall", "local function f() pcall(f) while true do end end f()" },
  { "an xpcall handler", "xpcall(error, function() while true do end end)" },
  { "an xpcall handler in a loop", "while true do xpcall(function() while true do end end, function() end) end" },
  { "a coroutine", "coroutine.wrap(function() while true do end end)()" },
  { "twenty nested coroutines", [[local function nest(n)
      if n == 0 then while true do end end
      return coroutine.wrap(nest)(n - 1)
    end nest(20)]] },
  { "fresh coroutines", "while true do coroutine.wrap(function() for i = 1, 1000 do end end)() end" },
  { "coroutines that swallow errors", [[while true do
      coroutine.resume(coroutine.create(function() pcall(function() while true do end end) end))
    end]] },
  { "a coroutine that yields and yields",
    "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end" },
  { "coroutine.wrap in __index", [[local t = setmetatable({}, { __index = coroutine.wrap(function()
      while true do coroutine.yield(1) end end) }) while true do local x = t.x end]] },
  { "a metamethod", "local t = setmetatable({}, { __add = function() while true do end end }) return t + t" },
  { "a table.sort comparison", "local t = {} for i = 1, 50 do t[i] = i end table.sort(t, function() while true do end end)" },
  { "a gsub callback", "return (('abc'):gsub('%w', function() while true do end end))" },
  { "a load reader", "return load(function() while true do end end)" },
  { "an iterator", "for k in function() while true do end end do end" },
  { "tostring", "return tostring(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "a callback of the host", "call(function() while true do end end)" },
}

describe("a soft stop", function()
  after_each(helpers.tidy)

  for _, place in ipairs(PLACES) do
    local name, code = place[1], place[2]

    it("or a hard one holds in " .. name, function()
      local box = helpers.box { cpu = 0.1 }
      box:set("call", function(f) f() end)
      helpers.assert_cpu_stop(box, 0.1, code)
      assert.equal(2, helpers.box():dostring("return 1 + 1"))
    end)

    it_unless(hard, "leaves a sound box behind in " .. name, function()
      local box = helpers.box { cpu = 0.02 }
      box:set("call", function(f) f() end)
      box:dostring("kept = { 1, 2, { 'three' } } function add(a, b) return a + b end")
      for round = 1, 10 do
        raises(function() box:dostring(code) end, "cpu limit of 0.02 s exceeded")
        assert.equal("exhausted", (box:status()))
        assert.equal("cpu", select(2, box:status()))
        box:limits { cpu = 5 }
        assert.equal("ready", (box:status()))
        assert.equal("three5", box:dostring("collectgarbage() return kept[3][1] .. add(2, 3)"))
        box:set("round", round)
        assert.equal(round, box:get("round"))
        box:limits { cpu = 0.02 }
      end
    end)
  end

  it_unless(hard, "keeps globals, heap and suspended coroutines", function()
    local box = helpers.box { cpu = 0.05 }
    box:dostring([[
      list = {} for i = 1, 10000 do list[i] = { i } end
      co = coroutine.create(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end)
      coroutine.resume(co)]])
    for round = 2, 30 do
      box:limits { cpu = 0.02 }
      raises(function() box:dostring("progress = 0 while true do progress = progress + 1 end") end, "cpu limit")
      box:limits { cpu = 5 }
      assert.is_true(box:get("progress") > 0)
      assert.equal(round, box:dostring("return select(2, coroutine.resume(co))"))
    end
    assert.equal(10000, box:dostring("local n = 0 for i, v in ipairs(list) do n = n + (v[1] == i and 1 or 0) end return n"))
  end)

  it_unless(hard, "stays until box:limits starts a new allowance", function()
    local box = helpers.box { cpu = 0.05 }
    pcall(box.dostring, box, "kept = 1 while true do end")
    for _ = 1, 3 do
      raises(function() box:dostring("kept = 2") end)
      assert.equal("exhausted", (box:status()))
    end
    box:limits { memory = 2 ^ 25 }
    assert.equal("exhausted", (box:status()))
    box:limits { cpu = 5 }
    assert.equal(1, box:get("kept"))
    assert.equal(2, box:dostring("kept = kept + 1 return kept"))
  end)

  it_unless(hard, "stops a thousand times and stays sound and flat", function()
    local box = helpers.box { cpu = 0.001 }
    local places = { "while true do end", "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()", "('abc'):gsub('%w', function() while true do end end)" }
    local n = 0
    helpers.assert_flat(1000, function()
      n = n + 1
      box:limits { cpu = 0.001 }
      raises(function() box:dostring(places[n % #places + 1]) end, "cpu limit of 0.001 s exceeded")
      if n % 50 == 0 then
        box:limits { cpu = 5 }
        box:dostring("collectgarbage()")
      end
    end)
    box:limits { cpu = 5 }
    assert.equal(3, box:dostring("collectgarbage() return 1 + 2"))
    assert.is_true(box:usage().memory < helpers.MiB)
  end)
end)

describe("after a stop nothing of the box runs:", function()
  after_each(helpers.tidy)

  -- Each marks with note() what must not run. A hard stop must keep to it as well, so LuaJIT is asked too.
  local quiet = {
    { "not what follows pcall", "pcall(function() while true do end end) note() while true do end" },
    { "no message handler", "xpcall(function() while true do end end, function() note() end) note()" },
    { "not what follows a coroutine",
      "coroutine.resume(coroutine.create(function() while true do end end)) note() while true do end" },
    { "no finalizer of a proxy", [[local p = newproxy and newproxy(true)
      if p then getmetatable(p).__gc = function() note() end end
      local t = setmetatable({}, { __gc = function() note() end })
      while true do end]] },
    { "not the rest of a gsub", "('abc'):gsub('%w', function() if spun then note() end spun = true while true do end end)" },
    { "not the rest of a sort", [[local t = {} for i = 1, 50 do t[i] = i end
      table.sort(t, function() if spun then note() end spun = true while true do end end)]] },
  }
  for _, case in ipairs(quiet) do
    it(case[1], function()
      local box, notes = helpers.box { cpu = 0.1 }, 0
      box:set("note", function() notes = notes + 1 end)
      helpers.assert_cpu_stop(box, 0.1, case[2])
      assert.equal(0, notes)
      box:close()
      assert.equal(0, notes)
    end)
  end

  it_unless(helpers.no_close, "no __close", function()
    local box, notes = helpers.box { cpu = 0.1 }, 0
    box:set("note", function() notes = notes + 1 end)
    helpers.assert_cpu_stop(box, 0.1, [[
      local a <close> = setmetatable({}, { __close = function() note() end })
      coroutine.wrap(function()
        local b <close> = setmetatable({}, { __close = function() note() end })
        while true do end
      end)()]])
    assert.equal(0, notes)
    if box:status() == "exhausted" then
      box:limits { cpu = 5 }
      box:dostring("collectgarbage() collectgarbage()")
      assert.equal(0, notes)
    end
  end)

  it("no finalizer of the box at close", function()
    local box, notes = helpers.box { cpu = 0.1 }, 0
    box:set("note", function() notes = notes + 1 end)
    helpers.assert_cpu_stop(box, 0.1, "keep = setmetatable({}, { __gc = function() note() end }) while true do end")
    box:close()
    collectgarbage() collectgarbage()
    assert.equal(0, notes)
  end)
end)

describe("finalizers", function()
  after_each(helpers.tidy)

  it("run during the box's life", function()
    local box, notes = helpers.box(), 0
    box:set("note", function() notes = notes + 1 end)
    box:dostring([[
      if newproxy then getmetatable(newproxy(true)).__gc = function() note() end
      else setmetatable({}, { __gc = function() note() end }) end
      collectgarbage() collectgarbage()]])
    assert.equal(1, notes)
  end)

  it("are under the box's limits", function()
    local box = helpers.box { cpu = 0.1 }
    helpers.assert_cpu_stop(box, 0.1, [[
      local function spin() while true do end end
      if newproxy then getmetatable(newproxy(true)).__gc = spin else setmetatable({}, { __gc = spin }) end
      collectgarbage() collectgarbage()]])
  end)
end)
