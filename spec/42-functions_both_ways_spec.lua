--- Manual, section 6: functions as proxies, both ways, at every depth: identity, release, errors, recursion.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, at_every_depth, MiB = helpers.raises, helpers.at_every_depth, helpers.MiB

-- Collects on both sides until nothing more can come of it.
local function collect(box)
  for _ = 1, 4 do
    collectgarbage()
    if box then box:dostring("collectgarbage()") end
  end
end

describe("a function that crosses", function()
  after_each(helpers.tidy)

  it("is a function there, comes home as itself, and is the same each time", function()
    at_every_depth([[
      local box = sandbox.new()
      local function f(x) return x, "host" end
      box:set("f", f)
      assert(box:dostring("local a, t = ... return type(a) == 'function' and a == f and t[1] == f and t[f] == 1 and a ~= t[2]",
        f, { f, function() end, [f] = 1 }))
      assert(box:get("f") == f and box:dostring("return { [f] = f }")[f] == f)
      box:set("take", function(g, t) return g == f and t.g == f end)
      assert(box:dostring("return take(f, { g = f })"))
      box:dostring("function g(x) return x, 'box' end")
      local g = box:get("g")
      assert(type(g) == "function" and g == box:get("g") and g ~= f and box:dostring("return { g }")[1] == g)
      assert(box:dostring("local a, t = ... return a == g and t[1] == g and f(g) == g", g, { g }))
      local x, side = g({ 5 })
      assert(x[1] == 5 and side == "box")
    ]])
  end)

  it("may be a C function, and take nils and as many arguments as the receiver's stack bears", function()
    at_every_depth([[
      local box = sandbox.new()
      box:set("select", select)
      box:set("count", function(...) return select("#", ...), ... end)
      box:dostring("function pass(...) return select('#', ...), ... end")
      local unpack, pass = table.unpack or unpack, box:get("pass")
      for _, n in ipairs { 0, 1, 200, 201, 255, 256, 1000, 5000 } do
        local args = { n = n }
        for i = 1, n, 2 do args[i] = i end
        local got = { pass(unpack(args, 1, n)) }
        assert(got[1] == n)
        for i = 1, n do assert(got[i + 1] == args[i]) end
        assert(box:dostring("local n = ... local t = {} for i = 1, n, 2 do t[i] = i end " ..
          "local got = { count((table.unpack or unpack)(t, 1, n)) } " ..
          "for i = 1, n do assert(got[i + 1] == t[i]) end return got[1]", n) == n)
      end
    ]])
  end)

  it("goes on to a sibling, and home from there", function()
    at_every_depth([[
      local a, b = sandbox.new(), sandbox.new()
      a:dostring("function f(x) return (x or 0) + 1 end")
      local f = a:get("f")
      b:set("f", f)
      assert(b:dostring("return f(1)") == 2)
      assert(b:get("f") == f)
      assert(a:dostring("return ... == f", b:get("f")))
      b:dostring("function call(g) return g(10) end")
      a:set("call", b:get("call"))
      assert(a:dostring("return call(f)") == 11)
      a:close()
      local ok, message = b:dostring("return pcall(f)")
      assert(not ok and message:find("sandbox is closed", 1, true), message)
      assert(b:status() == "ready")
    ]])
  end)

  it("is an error to call once its box is closed, whoever calls", function()
    at_every_depth([[
      local box = sandbox.new()
      box:opensandbox()
      local own = box:load("return 1")
      local below = box:dostring("below = sandbox.new() return below:load('return 2')")
      assert(own() == 1 and below() == 2)
      box:dostring("below:close()")
      local ok, message = pcall(below)
      assert(not ok and message:find("sandbox is closed", 1, true), message)
      assert(own() == 1)
      box:close()
      for _, f in ipairs { own, below } do
        ok, message = pcall(f)
        assert(not ok and message:find("sandbox is closed", 1, true), message)
      end
    ]])
  end)

  it("works in coroutines and as a metamethod, comparator, iterator and callback of stock functions", function()
    local box = helpers.box()
    box:set("less", function(a, b) return a < b end)
    box:set("upper", function(s) return s:upper() end)
    box:set("each", function(t, i) if i < #t then return i + 1, t[i + 1] end end)
    assert.equal("1,2,3 ABC 6 7 co", box:dostring([[
      local t = { 3, 1, 2 }
      table.sort(t, less)
      local sum = 0
      for _, v in each, t, 0 do sum = sum + v end
      local object = setmetatable({}, { __index = function(_, k) return upper(k) end, __call = each })
      local co = coroutine.wrap(function() coroutine.yield(less(1, 2)) return less(2, 1) end)
      assert(co() == true and co() == false and object.abc == "ABC")
      return table.concat(t, ",") .. " " .. ("abc"):gsub("%w+", upper) .. " " .. sum .. " " .. select(2, each({ 6, 7 }, 1)) .. " co"]]))
  end)
end)

describe("an error that crosses", function()
  after_each(helpers.tidy)

  it("keeps its value, in either direction and through both", function()
    at_every_depth([[
      local box = sandbox.new()
      local function f() end
      local values = { "text", 5, 2.5, true, false, f, { code = 1, f = f }, n = 8 }
      box:set("raise", function(i) error(values[i], 0) end)
      box:dostring("function raise_own(v) error(v, 0) end function through(i) raise(i) end function catch(i) return pcall(raise, i) end")
      local raise_own, through, catch = box:get("raise_own"), box:get("through"), box:get("catch")
      for i = 1, values.n do
        local v = values[i]
        for how, results in pairs { own = { pcall(raise_own, v) }, through = { pcall(through, i) }, caught = { catch(i) } } do
          local got = results[2]
          assert(results[1] == false, how)
          if type(v) == "table" then
            assert(type(got) == "table" and got ~= v and got.code == 1 and got.f == f, how)
          elseif v == nil and _VERSION == "Lua 5.4" then
            assert(got == nil, how)
          else
            assert(got == v, how)
          end
        end
      end
      assert(box:status() == "ready")
    ]])
  end)

  it("has the position where it was raised", function()
    local box = helpers.box()
    local function fails() error("of the host") end
    box:set("fails", fails)
    local message = raises(box:load("fails()", "=code"), "of the host")
    assert.truthy(message:find("^[^:]*42%-functions[^:]*:%d+: of the host$"), message)
    message = raises(box:load("local function f() error('of the box') end f()", "=code"), "of the box")
    assert.equal("code:1: of the box", message)
  end)
end)

describe("proxies let go", function()
  after_each(helpers.tidy)

  -- Sends half a million functions by `turn(number of the turn)`, a thousand at a time, and asserts that neither side kept them:
  -- half a million of the smallest closures are 20 MB. What stays is the tables' high-water mark, a few MB at most, which moves with the
  -- collectors' pace, so that the first turns can't show it.
  local function assert_flat(box, turn)
    for i = 1, 50 do turn(i) end
    collect(box)
    local host, inside = collectgarbage("count"), box:usage().memory
    for i = 1, 500 do turn(i) end
    collect(box)
    local grown = (collectgarbage("count") - host) * 1024
    assert(grown < 8 * MiB, ("the host grew by %d bytes"):format(grown))
    grown = box:usage().memory - inside
    assert(grown < 8 * MiB, ("the box grew by %d bytes"):format(grown))
  end

  it("of half a million functions sent to a box and dropped", function()
    local box = helpers.box { memory = 16 * MiB, cpu = 60 }
    local take = box:load("local t = ... return #t")
    assert_flat(box, function(turn)
      local t = {}
      for i = 1, 1000 do t[i] = function() return turn, i end end
      assert(take(t) == 1000)
    end)
  end)

  it("of half a million functions sent by a box and dropped", function()
    local box = helpers.box { memory = 16 * MiB, cpu = 60 }
    local got = 0
    box:set("take", function(t) got = got + #t end)
    box:dostring("function send(n) local t = {} for i = 1, 1000 do t[i] = function() return n, i end end take(t) end")
    assert_flat(box, box:get("send"))
    assert.equal(550000, got)
  end)

  it("within one call into the box as well", function()
    local box = helpers.box { memory = 4 * MiB, cpu = 60 }
    box:set("swap", function(f) return function() return f end end)
    box:dostring("for i = 1, 50000 do swap(function() return i end) end")
    box:dostring("function swap_own(f) return function() return f end end")
    box:set("host", function(own)
      for i = 1, 20000 do own(function() return i end) end
    end)
    box:dostring("host(swap_own)")
    collect(box)
    assert(box:usage().memory < MiB, box:usage().memory .. " bytes are left")
  end)

  it("while others of the same function stay", function()
    local box = helpers.box()
    local function kept() return "kept" end
    box:set("kept", kept)
    for _ = 1, 100 do
      box:dostring("local f = ... f()", kept)
      box:dostring("collectgarbage()")
    end
    box:dostring("again = ...", kept)
    box:dostring("kept = nil collectgarbage() collectgarbage()")
    assert.equal("kept", box:dostring("return again()"))
    assert.equal(kept, box:get("again"))
  end)

  it("of what a box was given when it is closed, though its handle is kept", function()
    local box = helpers.box()
    local watched = setmetatable({}, { __mode = "k" })
    do
      local f, file = function() return box end, assert(io.tmpfile())
      watched[f], watched[file] = true, true
      box:set("f", f)
      box:set("file", file)
      -- A cycle through both sides: host function, box function, host function.
      local g
      g = function() return box:dostring("return g"), g end
      watched[g] = true
      box:dostring("local host = ... function g() return host() end", g)
    end
    collect(box)
    local n = 0
    for _ in pairs(watched) do n = n + 1 end
    assert.equal(3, n)
    box:close()
    collect()
    assert.is_nil(next(watched))
  end)

  it("of cycles through both sides when nobody else refers to the box", function()
    local gone = setmetatable({}, { __mode = "k" })
    for _ = 1, 50 do
      local box = sandbox.new()
      local token = {}
      gone[token] = true
      local there
      box:set("here", function() return (token and there and box) and 1 end)
      there = box:load("return here()")
      there()
    end
    collect()
    local n = 0
    for _ in pairs(gone) do n = n + 1 end
    assert(n <= 2, n .. " of 50 boxes are kept")
  end)

  it("that never arrived, because the crossing broke off on either side", function()
    local box = helpers.box { memory = 2 * MiB, cpu = 30 }
    local watched = setmetatable({}, { __mode = "k" })
    local function new()
      local f = function() return watched end
      watched[f] = true
      return f
    end
    local co, big = coroutine.create(function() end), ("x"):rep(4 * MiB)
    box:set("give", function(what) return new(), { new() }, what == 1 and co or big end)
    box:set("take", function() end)
    box:dostring("function own() return own, { function() end }, coroutine.create(function() end) end")
    for i = 1, 50 do
      assert(not pcall(box.dostring, box, "", new(), { f = new() }, co))
      -- Sent in full, but too much for the box to take in.
      assert(not pcall(box.dostring, box, "", new(), { f = new() }, big))
      assert.is_false(box:dostring("return pcall(give, ...)", i % 2))
      assert(not pcall(box.dostring, box, "return own()"))
      assert.is_false(box:dostring("return pcall(take, own, function() end, coroutine.create(function() end))"))
    end
    collect(box)
    collect(box)
    local n = 0
    for _ in pairs(watched) do n = n + 1 end
    assert(n <= 4, n .. " functions that never arrived are kept")
    assert.equal("ready", (box:status()))
  end)

  it("and what the host keeps of a box's is paid for by the box", function()
    local box = helpers.box { memory = 4 * MiB, cpu = 30 }
    box:opensandbox()
    local kept = {}
    box:set("keep", function(v) kept[#kept + 1] = v end)
    -- Lua 5.2 and 5.3 make a closure again only if what it closes over is another.
    for _, make in ipairs { "(function(x) return function() return x end end)(0)", "sandbox.newstream(function() end)" } do
      kept = {}
      collect(box)
      collectgarbage()
      local before = collectgarbage("count")
      local message = box:dostring("local ok, message repeat ok, message = pcall(keep, " .. make .. ") until not ok return message")
      assert.truthy(tostring(message):find("not enough memory", 1, true))
      assert(#kept > 100, #kept)
      assert(collectgarbage("count") - before < 2 * 4096, "the host keeps more than twice what the box may hold")
    end
    kept = {}
    collect()
    assert.equal("ready", (box:status()))
  end)
end)

describe("calls inside one another", function()
  after_each(helpers.tidy)

  it("from host to box to host may be 90 deep, and no end of them is an ordinary error", function()
    local box = helpers.box { cpu = 30 }
    local deepest
    box:set("down", function(n)
      deepest = math.max(deepest, n)
      return n == 90 and "the bottom" or box:dostring("return down(... + 1)", n)
    end)
    for _ = 1, 3 do
      deepest = 0
      assert.equal("the bottom", box:dostring("return down(1)"))
      deepest = 90
      raises(function() box:dostring("return down(91)") end, "stack overflow")
      assert(deepest < 300, deepest)
      assert.equal("ready", (box:status()))
    end
    local down
    local other = helpers.box { cpu = 30 }
    other:set("up", function() return down() end)
    box:set("up", other:load("return up()"))
    down = box:load("return up()")
    raises(down, "stack overflow")
    assert.equal(2, box:dostring("return 1 + 1"))
    assert.equal(2, other:dostring("return 1 + 1"))
  end)

  it("from box to box below to box may be as deep", function()
    local box = helpers.box { cpu = 30 }
    box:opensandbox()
    box:dostring([[
      below = sandbox.new { cpu = 30 }
      below:set("down", function(n) return n == 90 and "the bottom" or below:dostring("return down(... + 1)", n) end)
      assert(below:dostring("return down(1)") == "the bottom")
      local ok, message = pcall(below.dostring, below, "return down(91)")
      assert(not ok and message:find("stack overflow", 1, true), message)
      assert(below:dostring("return 1") == 1)
    ]])
    assert.equal("ready", (box:status()))
  end)

  it("may be caught at each level and gone into again", function()
    local box = helpers.box { cpu = 30 }
    local calls = 0
    box:set("down", function()
      calls = calls + 1
      if calls > 2000 then error("enough", 0) end
      return pcall(box.dostring, box, "return pcall(down)")
    end)
    box:dostring("pcall(down)")
    -- In PUC Lua each pcall counts among its 200 C calls.
    assert(calls >= 50, calls)
    assert.equal(1, box:dostring("return 1"))
  end)
end)
