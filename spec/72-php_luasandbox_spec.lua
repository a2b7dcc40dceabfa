--- What php-luasandbox asks of a sandbox, in our words: fatal errors against pcall and xpcall, running out of memory while a value
-- crosses on each of its roads, many arguments, deep and cyclic tables, re-entry, errors of the host caught inside. (Its timers are
-- in 29-charged_time_spec.)

local helpers = require "spec.helpers"

local box_with, raises = helpers.box, helpers.raises

describe("php-luasandbox:", function()
  after_each(helpers.tidy)

  describe("callbacks and pauses", function()
    it("does not charge the host's time to the box, however nested", function()
      local box = box_with { cpu = 0.4 }
      local function burn(seconds)
        local began = os.clock()
        while os.clock() - began < seconds do end
      end
      box:set("work", function(n)
        burn(0.1)
        return n > 0 and box:dostring("return work(...)", n - 1) or "done"
      end)
      assert.equal("done", box:dostring("return work(5)"))
      assert.is_true(box:usage().cpu < 0.3)
    end)

    it("passes 500 arguments and tables 500 deep", function()
      local box = box_with()
      local many = {}
      for i = 1, 500 do many[i] = i end
      assert.equal(500, box:dostring("return select('#', ...)", helpers.unpack(many)))
      local deep = {}
      for _ = 1, 500 do deep = { deep } end
      assert.equal(500, box:dostring("local t, n = ..., 0 while t[1] do t, n = t[1], n + 1 end return n", deep))
    end)

    it("lets the box catch an error of the host, and the host one of the box, in turn", function()
      local box = box_with()
      box:set("host", function(n)
        if n == 0 then error("at the bottom", 0) end
        local ok, message = pcall(box.dostring, box, "host(...)", n - 1)
        error((ok and "lost" or message) .. "<", 0)
      end)
      local ok, message = box:dostring("return pcall(host, 4)")
      assert.is_false(ok)
      assert.equal("at the bottom<<<<", message)
    end)

    it("keeps limit errors out of reach of pcall, xpcall and error handlers", function()
      for _, code in ipairs { "pcall(spin) after()", "xpcall(spin, after) after()", "xpcall(spin, function() after() spin() end) after()",
        "pcall(pcall, pcall, spin) after()", "pcall(coroutine.wrap(function() pcall(spin) after() end)) after()",
        "pcall(string.gsub, 'x', 'x', spin) after()" } do
        local box = box_with { cpu = 0.05 }
        local after = 0
        box:set("after", function() after = after + 1 end)
        box:dostring("function spin() while true do end end")
        raises(function() box:dostring(code) end, "cpu limit")
        assert.equal(0, after, code)
      end
    end)
  end)

  describe("a fatal error", function()
    it("goes through a call of the host, and a pcall on either side of it", function()
      local box = box_with { cpu = 0.05 }
      local went_on = {}
      box:set("host", function(f)
        local ok, message = pcall(f)
        went_on[#went_on + 1] = ok or message
        return ok
      end)
      raises(function()
        box:dostring("function spin() while true do end end local ok = pcall(host, spin) pcall(spin) while true do end")
      end, "cpu limit of 0.05 s exceeded")
      -- The host sees it where it called, and nothing inside went on.
      assert.equal(1, #went_on)
      assert.is_truthy(tostring(went_on[1]):find("cpu limit", 1, true))
      helpers.assert_stopped(box, "cpu")
    end)

    it("in a handler of xpcall, and in the handler of that, is one as well", function()
      for _, code in ipairs {
        "xpcall(error, function() while true do end end)",
        -- LuaJIT calls no handler while it is in one: there the code just ends.
        helpers.is_jit and "while true do end" or "xpcall(error, function() xpcall(error, function() while true do end end) end)",
        "while true do xpcall(error, function() xpcall(error, function() pcall(error) end) end) end",
      } do
        helpers.assert_cpu_stop(box_with { cpu = 0.05 }, 0.05, code)
      end
    end)

    it("for want of memory is none: handlers see the message, and the box goes on", function()
      local box = box_with { memory = 2 * helpers.MiB }
      local ok, seen = box:dostring([[
        local function eat() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end
        local ok, seen = xpcall(eat, function(m) return m end)
        return ok, seen
      ]])
      assert.is_false(ok)
      assert.equal("not enough memory", seen)
      assert.equal("ready", (box:status()))
      assert.equal(4, box:dostring("collectgarbage() return 2 + 2"))
    end)
  end)

  describe("memory runs out", function()
    local roads = {
      ["in an argument"] = function(box, big) box:dostring("return #select(1, ...)", big) end,
      ["in one of many arguments"] = function(box, big) box:dostring("return 1", 1, { a = { big } }, 3) end,
      ["in a global that is set"] = function(box, big) box:set("global", { big, big }) end,
      ["in an argument of a proxy"] = function(box, big) box:dostring("return function(...) return 1 end")(1, 2, big) end,
      ["in a callback's result"] = function(box, big)
        box:set("callback", function() return 1, { big } end)
        box:dostring("return callback()")
      end,
      ["in a callback's error value"] = function(box, big)
        box:set("callback", function() error({ big }) end)
        box:dostring("return callback()")
      end,
      ["in a result"] = function(box) box:dostring("local s = ('y'):rep(7e5) return s .. 1, s .. 2") end,
      ["in a table of results"] = function(box)
        box:dostring("local t = {} for i = 1, 100 do t[i] = (i .. 'y'):rep(4500) end return t, {t}")
      end,
      ["in an error value"] = function(box) box:dostring("local s = ('y'):rep(7e5) error({s .. 1, s .. 2})") end,
      ["in an argument of a callback"] = function(box)
        box:set("callback", function() return 1 end)
        box:dostring("local s = ('y'):rep(7e5) return callback(s .. 1, s .. 2)")
      end,
    }
    for road, go in pairs(roads) do
      it(road .. ", and the box works on", function()
        local box = box_with { memory = 2 * helpers.MiB }
        raises(function() go(box, ("x"):rep(3 * helpers.MiB)) end, "not enough memory")
        assert.equal("ready", (box:status()))
        assert.equal(42, box:dostring("collectgarbage() return ...", 42))
        assert.is_true(box:usage().memory_peak <= 2 * helpers.MiB)
      end)
    end
  end)

  describe("values:", function()
    it("500 arguments and results cross in every direction", function()
      local box = box_with()
      local many = {}
      for i = 1, 500 do many[i] = i end
      local function count(...) return select("#", ...), (select(select("#", ...), ...)) end
      box:set("host_count", count)
      local inside = box:dostring("return function(...) return host_count(...) end")
      assert.same({ 500, 500 }, { inside(helpers.unpack(many)) })
      local all = box:dostring("return function(...) return ... end")
      assert.same(many, { all(helpers.unpack(many)) })
      box:set("give", function() return helpers.unpack(many) end)
      assert.equal(500, box:dostring("return select('#', give())"))
    end)

    it("a table 500 deep crosses through callbacks and as an error value", function()
      local box = box_with()
      local function depth(t)
        local n = 0
        while t[1] do t, n = t[1], n + 1 end
        return n
      end
      local deep = {}
      for _ = 1, 500 do deep = { deep } end
      box:set("host_depth", depth)
      box:set("give", function() return deep end)
      assert.equal(500, box:dostring("return host_depth(give())"))
      local ok, value = pcall(box.dostring, box, "error(give())")
      assert.is_false(ok)
      assert.equal(500, depth(value))
    end)

    it("cycles stay cycles through callbacks, in upvalues' tables and as error values", function()
      local box = box_with()
      local ring = { name = "ring" }
      ring.next = { back = ring, [ring] = "key" }
      box:set("give", function(t) return t or ring end)
      assert.is_true(box:dostring("local r = give() return r.next.back == r and r.next[r] == 'key' and give(r).next ~= nil"))
      local ok, value = pcall(box.dostring, box, "local t = {} t.t = t error(t)")
      assert.is_false(ok)
      assert.equal(value, value.t)
    end)

    it("what cannot cross is an ordinary error, and the call after it works", function()
      local box = box_with()
      raises(function() box:set("thread", coroutine.create(function() end)) end, "a thread cannot cross")
      assert.is_nil(box:get("thread"))
      raises(function() box:dostring("return {x = {coroutine.create(function() end)}}") end, "x[1]: a thread cannot cross")
      assert.equal(1, box:dostring("return 1"))
    end)
  end)

  describe("re-entry", function()
    it("ends in an error before the C stack does, and leaves both sides usable", function()
      local box = box_with()
      local depth, deepest = 0, 0
      local enter
      enter = function()
        depth = depth + 1
        deepest = math.max(deepest, depth)
        local f = box:get("again")
        local ok, message = pcall(f)
        depth = depth - 1
        if not ok then error(message, 0) end
      end
      box:set("enter", enter)
      box:dostring("function again() return enter() end")
      local ok, message = pcall(enter)
      assert.is_false(ok)
      assert.equal("string", type(message))
      assert.is_true(deepest >= 10, "only " .. deepest .. " deep")
      assert.equal("ready", (box:status()))
      assert.equal(3, box:dostring("return 1 + 2"))
    end)

    it("from coroutines inside, and from two boxes in turn, does as well", function()
      local a, b = box_with(), box_with()
      a:set("other", function() return b:get("go")() end)
      b:set("other", function() return a:get("go")() end)
      for _, box in ipairs { a, b } do
        box:dostring("function go() return coroutine.wrap(function() return (select(2, pcall(other))) end)() end")
      end
      assert.equal("string", type(a:dostring("return go()")))
      assert.equal("ready", (a:status()))
      assert.equal("ready", (b:status()))
    end)
  end)

  describe("errors of the host", function()
    local values = { "text", 42, 4.5, true, false, { code = 7 } }

    it("are caught inside as they were raised, by pcall, xpcall and in coroutines", function()
      local box = box_with()
      for _, value in ipairs(values) do
        box:set("fail", function() error(value, 0) end)
        for _, way in ipairs {
          "return pcall(fail)", "return xpcall(fail, function(e) return e end)",
          "return coroutine.resume(coroutine.create(function() fail() end))",
          "return pcall(coroutine.wrap(function() fail() end))",
        } do
          local ok, got = box:dostring(way)
          assert.is_false(ok)
          if way:find("wrap", 1, true) and type(value) ~= "table" and type(value) ~= "boolean" then
            -- Some Luas put the position in front, which makes a number a string.
            assert.is_truthy(tostring(got):find(tostring(value), 1, true))
          else
            assert.same(value, got)
          end
        end
      end
    end)

    it("that nobody catches come out as they were, through as many walls as there are", function()
      local box = box_with()
      local lost = { "lost" }
      box:set("fail", function() error(lost) end)
      box:set("nest", function(n) return box:dostring("if ... > 0 then nest(... - 1) end fail()", n) end)
      local ok, value = pcall(box.dostring, box, "nest(5)")
      assert.is_false(ok)
      assert.same(lost, value)
      assert.equal("ready", (box:status()))
    end)

    it("in a host function's own pcall do not reach the box", function()
      local box = box_with()
      box:set("careful", function() return (pcall(error, "never mind")) end)
      assert.is_false(box:dostring("return careful()"))
    end)
  end)
end)
