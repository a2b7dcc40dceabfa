--- box:clone: an independent box in the same state.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local no_clone = helpers.is_jit and "LuaJIT hashes whole addresses: a copy in another place would lose its keys"
local it = function(name, body) helpers.it_unless(no_clone, name, body) end

-- A running program: suspended coroutines, tables keyed by addresses, weak tables, closures with shared upvalues.
local PROGRAM = [==[
  keys, bykey = {}, {}
  for i = 1, 60 do
    local k, f = {}, function() return i end
    local c = coroutine.create(function(a) while true do a = a + coroutine.yield(a) end end)
    coroutine.resume(c, i)
    keys[#keys + 1], keys[#keys + 2], keys[#keys + 3] = k, f, c
    bykey[k], bykey[f], bykey[c], bykey[print] = i, i, i, "print"
  end
  strong, weak, values = keys[1], setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "v" })
  weak[strong], weak[{}] = "kept", "lost"
  values[1], values[2] = strong, {}
  do
    local shared = 0
    function up() shared = shared + 1 return shared end
    function down() shared = shared - 1 return shared end
  end
  gen = coroutine.wrap(function()
    local inner = coroutine.wrap(function() for i = 1, 1e9 do coroutine.yield(i) end end)
    while true do
      local v = inner()
      local ok = pcall(error, v)
      if not ok then coroutine.yield(v) end
    end
  end)
  gen()
  text = {}
  for i = 1, 50 do text[i] = ("%d"):rep(3):format(i, i, i) .. ("long"):rep(i) end
  seen = 0
  function go(n)
    for _ = 1, n do
      seen = seen + gen() + up()
      local k = {}
      bykey[k] = seen
      keys[#keys + 1] = k
    end
    return look()
  end
  function look()
    local sum = 0
    for i, k in ipairs(keys) do
      sum = sum + (bykey[k] or error("lost key " .. i))
      if type(k) == "thread" then sum = sum + select(2, coroutine.resume(k, 1)) end
      if type(k) == "function" then sum = sum + k() end
    end
    for i = 1, 50 do assert(text[i] == ("%d"):rep(3):format(i, i, i) .. ("long"):rep(i)) end
    assert(bykey[print] == "print" and weak[strong] == "kept" and values[1] == strong)
    local shown = 0
    for k in pairs(bykey) do shown = shown + 1 end
    return table.concat({ sum, shown, seen, up(), up(), down(), math.random(1e6), tostring(strong) }, " ")
  end
]==]

local function program()
  local box = helpers.box()
  box:dostring(PROGRAM)
  return box
end

describe("box:clone", function()
  after_each(helpers.tidy)

  helpers.it_unless(not helpers.is_jit and "this Lua can", "is a clear error where it can't be", function()
    local box = helpers.box()
    helpers.raises(function() box:clone() end, "cannot clone a box on LuaJIT")
    assert.equal(1, box:dostring "return 1")
  end)

  it("makes a thousand boxes that each go their own way", function()
    local box = program()
    local expected = {}
    for i = 0, 9 do
      local mark = box:checkpoint()
      expected[i] = box:dostring("return go(...)", i)
      box:rollback(mark)
    end
    local clones = {}
    for i = 1, 1000 do clones[i] = box:clone() end
    for i = 1, 1000 do
      assert.equal(expected[i % 10], clones[i]:dostring("return go(...)", i % 10))
      if i % 3 == 0 then clones[i]:close() end
    end
    box:close()
    for i = 1, 1000, 7 do
      if i % 3 ~= 0 then clones[i]:dostring "collectgarbage() collectgarbage() look() go(5)" end
    end
    clones = nil -- luacheck: ignore
    collectgarbage() collectgarbage()
  end)

  it("leaves both whole, whatever their collectors do", function()
    local box = program()
    local STRESS = [[
      local modes = { { "collect" }, { "step", 0 }, { "step", 100 }, { "setpause", 110 }, { "setstepmul", 400 },
        { "setpause", 200 }, { "setstepmul", 100 } }
      if _VERSION == "Lua 5.2" or _VERSION == "Lua 5.4" then
        modes[#modes + 1] = { "generational" }
        modes[#modes + 1] = { "collect" }
        modes[#modes + 1] = { "step", 1 }
        modes[#modes + 1] = { "incremental" }
      end
      for _, mode in ipairs(modes) do
        collectgarbage((table.unpack or unpack)(mode))
        for i = 1, 100 do local t = { { i }, tostring(i) } end
        look()
      end
      collectgarbage "stop" go(5) collectgarbage "restart" collectgarbage() collectgarbage()
      weak[{}] = 1 values[3] = {}
      collectgarbage() collectgarbage()
      local n = 0
      for _ in pairs(weak) do n = n + 1 end
      for _ in pairs(values) do n = n + 1 end
      return n]]
    local family = { box }
    for i = 2, 6 do family[i] = family[math.ceil(i / 2)]:clone() end
    for round = 1, 2 do
      for i, one in ipairs(family) do assert.equal(2, one:dostring(STRESS), ("round %d, box %d"):format(round, i)) end
    end
    -- In the middle of a collection.
    for step = 1, 40 do
      box:dostring "collectgarbage('step', 1) for i = 1, 50 do local t = { {} } end"
      local clone = box:clone()
      clone:dostring "look() collectgarbage() look()"
      clone:close()
      assert.truthy(step)
    end
    box:dostring "collectgarbage() look()"
  end)

  it("is made of a box whose collector is in any state, and goes on in that", function()
    local generational = helpers.version == 52 or helpers.version == 54
    local states = {
      "collectgarbage 'stop'",
      "collectgarbage 'stop' for i = 1, 2000 do local t = { { i }, {} } end",
      "collectgarbage 'stop' collectgarbage 'restart'",
      "collectgarbage('setpause', 1000) collectgarbage('setstepmul', 1)",
      "collectgarbage('setpause', 0) collectgarbage('setstepmul', 100000)",
      "collectgarbage() collectgarbage('step', 0)",
      generational and "collectgarbage 'generational' for i = 1, 2000 do local t = { { i } } end",
      generational and "collectgarbage 'generational' collectgarbage() collectgarbage 'incremental' collectgarbage('step', 1)",
    }
    local work = [[
      local text = {}
      for round = 1, 3 do
        for i = 1, 300 do local t = { { i }, tostring(i), setmetatable({}, { __mode = "k" }) } t[3][t] = i end
        text[round] = go(10)
      end
      for _, mode in ipairs { "collect", "step", "stop", "restart", "collect" } do collectgarbage(mode) text[#text + 1] = look() end
      return table.concat(text, "\n")]]
    for _, state in ipairs(states) do
      if state then
        local box = program()
        box:dostring(state)
        local copies = { box:clone(), sandbox.restore(box:save()) }
        copies[3] = copies[1]:clone()
        local was = helpers.version > 51 and box:dostring "return collectgarbage 'isrunning'"
        local expected = box:dostring(work)
        for i, copy in ipairs(copies) do
          if helpers.version > 51 then assert.equal(was, copy:dostring "return collectgarbage 'isrunning'", state) end
          assert.equal(expected, copy:dostring(work), ("%s: copy %d"):format(state, i))
          copy:close()
        end
        box:close()
      end
    end
  end)

  it("copies what finalizers wait for, each for itself", function()
    local box = helpers.box()
    box:dostring [[
      done = 0
      local function thing()
        if not newproxy then return setmetatable({}, { __gc = function() done = done + 1 end }) end
        local p = newproxy(true)
        getmetatable(p).__gc = function() done = done + 1 end
        return p
      end
      kept = {}
      for i = 1, 10 do kept[i] = thing() end]]
    local clone = box:clone()
    assert.equal(10, clone:dostring "kept = nil collectgarbage() collectgarbage() return done")
    assert.equal(0, box:dostring "collectgarbage() return done")
    assert.equal(10, box:dostring "kept = nil collectgarbage() collectgarbage() return done")
  end)

  it("has the same limits, with nothing spent, unless others are named", function()
    local box = helpers.box { cpu = 3, output = 10, memory = 5e6, per = "call" }
    local out = helpers.captured(box)
    box:dostring "io.write '12345'"
    local clone = box:clone()
    assert.same(box:limits(), clone:limits())
    assert.equal(0, clone:usage().output)
    assert.equal(0, clone:usage().cpu)
    clone:dostring "io.write 'abc'"
    assert.equal("12345abc", out())
    local other = box:clone { cpu = 0.05, output = 2 }
    assert.equal(0.05, other:limits().cpu)
    assert.equal(5e6, other:limits().memory)
    helpers.raises(function() other:dostring "while true do end" end, "cpu limit of 0.05 s exceeded")
    assert.equal("ready", (box:status()))
    -- Of one that can't go on.
    helpers.raises(function() box:clone { cpu = 0.05 }:dostring "while true do end" end, "cpu limit")
    local stuck = box:clone { per = "life", output = 1 }
    helpers.raises(function() stuck:dostring "io.write 'xyz'" end, "output limit")
    assert.equal("ready", (stuck:clone():status()))
    helpers.raises(function() box:clone { cpus = 1 } end, "unknown option 'cpus'")
    helpers.raises(function() box:clone { cpu = "x" } end, "option 'cpu'")
    helpers.raises(function() box:clone(1) end, "bad argument #1 to 'clone' (table expected, got number)")
    helpers.raises(function() box:clone { memory = 1000 } end, "not enough memory")
    assert.equal(1, box:clone():dostring "return 1")
  end)

  it("has the same streams, environment and functions of the host", function()
    local calls = 0
    local box = helpers.box()
    box:set("f", function(x) calls = calls + 1 return x, calls end)
    box:env { NAME = "value" }
    local input = helpers.handle "a\nb\nc\nd\n"
    box:stdin(input)
    local given = helpers.handle "x\ny\nz\n"
    box:set("h", given)
    box:dostring "io.read()"
    local clone = box:clone()
    assert.equal("b", clone:dostring "return io.read()")
    assert.equal("c", box:dostring "return io.read()")
    assert.equal(1, select(2, clone:dostring "return f('x')"))
    assert.equal(2, select(2, box:dostring "return f('x')"))
    assert.equal("value", clone:dostring "return os.getenv 'NAME'")
    assert.equal("x", clone:dostring "return h:read()")
    assert.equal(given, clone:get "h")
    assert.equal(input, clone:stdin())
    assert.equal(box:get "f", clone:get "f")
    -- What one lets go of the other still has.
    clone:dostring "f = nil h = nil collectgarbage() collectgarbage()"
    clone:get "f"
    collectgarbage()
    assert.equal(3, select(2, box:dostring "return f('x')"))
    local second = box:clone()
    box:close()
    collectgarbage()
    assert.equal(4, select(2, second:dostring "return f('x')"))
    assert.equal("y", second:dostring "return h:read()")
    second:env { NAME = "other" }
    assert.equal("other", second:dostring "return os.getenv 'NAME'")
  end)

  it("is another box to the host", function()
    local box = helpers.box()
    box:dostring "n = 0 function f() n = n + 1 return n end"
    local f = box:get "f"
    local mark = box:checkpoint()
    local clone = box:clone()
    local g = clone:get "f"
    assert.are_not.equal(f, g)
    assert.are_not.equal(tostring(box), tostring(clone))
    f() f()
    assert.equal(1, g())
    assert.equal(3, f())
    helpers.raises(function() clone:rollback(mark) end, "mark of another sandbox")
    -- To the clone a function of the box is one of its owner's.
    clone:set("h", f)
    assert.equal(4, clone:dostring "return h()")
    local own = clone:checkpoint()
    g()
    clone:rollback(own)
    assert.equal(2, g())
    clone:close()
    helpers.raises(g, "sandbox is closed")
    assert.equal(5, f())
  end)

  it("reads and writes the files that the box had open", function()
    local path = helpers.tree { lines = "1\n2\n3\n4\n" }
    local box = helpers.box { files = { ["/d"] = { path = path, write = true } } }
    box:limits { files = 2 }
    box:dostring "f = io.open '/d/lines' f:read() out = io.open('/d/out', 'w') out:write 'box '"
    local clone = box:clone()
    assert.equal("2", clone:dostring "return f:read()")
    assert.equal("2", box:dostring "return f:read()")
    clone:dostring "out:write 'clone ' out:close() f:close()"
    box:dostring "out:write 'box' out:close()"
    assert.equal("box clone box", assert(io.open(path .. "/out")):read "*a")
    assert.truthy(clone:dostring "return io.open('/d/lines'):read()")
    box:dostring "out = io.open '/d/lines'"
    helpers.raises(function() box:clone { files = 1 } end, "files limit of 1")
  end)

  it("refuses a box that runs, is killed or is closed", function()
    local box = helpers.box { cpu = 0.05 }
    box:set("f", function() box:clone() end)
    helpers.raises(function() box:dostring "f()" end, "sandbox is running")
    helpers.raises(function() box:dostring "local s = ('a'):rep(5000) s:find(('.-'):rep(60) .. 'b')" end, "cpu limit")
    assert.equal("killed", (box:status()))
    helpers.raises(function() box:clone() end, "sandbox is killed")
    box:close()
    helpers.raises(function() box:clone() end, "sandbox is closed")
  end)

  it("doesn't grow the process", function()
    local box = program()
    helpers.assert_flat(1500, function()
      local clone = box:clone()
      clone:dostring "go(1)"
      clone:close()
    end)
  end)
end)
