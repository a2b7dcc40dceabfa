--- What Lanes' tests ask of states that exchange values, in our words: error values, cycles, shared upvalues, functions as strings,
-- to-be-closed variables, finalizers, chains of tables.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("Lanes:", function()
  after_each(helpers.tidy)

  describe("values that are shared", function()
    it("keeps cycles, sharing and upvalues shared by several functions", function()
      local box = box_with()
      local up, down, at = box:dostring("local n = 0 return function() n = n + 1 end, function() n = n - 1 end, function() return n end")
      up() up() down()
      assert.equal(1, at())
      local t = box:dostring("local a = {} a.b = {a = a} return {a, a.b}")
      assert.equal(t[1], t[2].a)
      assert.equal(t[1].b, t[2])
    end)

    it("calls functions in chains of tables, both ways", function()
      local box = box_with()
      box:set("api", { v1 = { math = { add = function(a, b) return a + b end } } })
      assert.equal(5, box:dostring("return api.v1.math.add(2, 3)"))
      assert.equal(6, box:dostring("return {v1 = {f = function(x) return x * 2 end}}").v1.f(3))
    end)
  end)

  describe("error values", function()
    it("of every kind arrive as they are", function()
      local box = box_with()
      for _, code in ipairs { "nil", "false", "true", "12", "'text'", "{1, {2}}" } do
        local ok, value = pcall(box.dostring, box, "error(" .. code .. ", 0)")
        assert.is_false(ok)
        assert.same((loadstring or load)("return " .. code)(), value)
      end
    end)

    it("that are functions can be called; those with a metatable lose it, and nothing of it runs", function()
      local box = box_with()
      local ok, value = pcall(box.dostring, box, "local n = 0 error(function() n = n + 1 return n end)")
      assert.is_false(ok)
      assert.equal(1, value())
      assert.equal(2, value())
      ok, value = pcall(box.dostring, box, [[
        error(setmetatable({a = 1}, {__tostring = function() ran = true return "x" end, __index = error}))
      ]])
      assert.is_false(ok)
      assert.same({ a = 1 }, value)
      assert.is_nil(getmetatable(value))
      assert.is_nil(box:get("ran"))
    end)
  end)

  describe("functions", function()
    it("that share an upvalue share it across calls, whoever makes them and whenever they are sent", function()
      local box = box_with()
      box:dostring("local n = 0 function up() n = n + 1 return n end function at() return n end")
      local up, at = box:get("up"), box:get("at")
      up()
      box:dostring("up()")
      assert.equal(2, at())
      assert.equal(up, box:get("up"))
      local total = 0
      local function add(x) total = total + x end
      local function sum() return total end
      assert.equal(5, box:dostring("local add, sum = ... add(2) add(3) return sum()", add, sum))
      assert.equal(5, total)
    end)

    it("as strings are refused if they are bytecode, and run if they are text", function()
      local box = box_with()
      local f, why = box:load(string.dump(function() return 1 end))
      assert.is_nil(f)
      assert.equal("string", type(why))
      assert.equal(7, box:load("local a, b = ... return a + b")(3, 4))
      local dumped = box:dostring("return string.dump(function() return 2 end)")
      assert.equal("string", type(dumped))
      assert.is_nil((box:load(dumped)))
    end)

    it("keep their identity through tables that go there and back", function()
      local box = box_with()
      local f = function() end
      local there = box:dostring("return function(t) kept = t.f return {g = t.f, same = t.f == t.list[1]} end")
      local back = there { f = f, list = { f } }
      assert.equal(f, back.g)
      assert.is_true(back.same)
      assert.equal(f, box:get("kept"))
    end)
  end)

  describe("tables", function()
    it("of mixed keys arrive whole", function()
      local t = { 1, 2, nil, 4, [0] = "zero", [-1] = "minus", [1.5] = "half", [true] = "yes", [false] = "no", ["\0"] = "nul",
        [""] = "empty" }
      assert.same(t, (box_with():dostring("return ...", t)))
    end)

    it("in chains of 200, with a loop at the end, keep their shape", function()
      local first = { n = 1 }
      local last = first
      for i = 2, 200 do
        last.next = { n = i, prev = last }
        last = last.next
      end
      last.next = first
      assert.same({ 200, true, true }, { box_with():dostring([[
        local first = ...
        local node, n, linked = first, 0, true
        repeat
          n = n + 1
          if n > 1 then linked = linked and node.prev.next == node end
          node = node.next
        until node == first
        return n, linked, node == first
      ]], first) })
    end)

    it("that are sent twice are two copies, one that is sent once in two places is one", function()
      local box = box_with()
      local t = {}
      box:set("a", t)
      box:set("b", t)
      assert.is_false(box:dostring("return a == b"))
      assert.is_true(box:dostring("local x, y = ... return x == y", t, t))
    end)
  end)

  describe("to-be-closed variables", function()
    helpers.it_unless(helpers.no_close, "close a box at the end of its block, after an error too", function()
      local kept
      local body = load([[
        local sandbox, keep, fail = ...
        local box <close> = sandbox.new()
        keep(box)
        box:dostring("x = 1")
        if fail then error("on the way") end
      ]])
      body(sandbox, function(box) kept = box end)
      assert.equal("closed", (kept:status()))
      raises(function() body(sandbox, function(box) kept = box end, true) end, "on the way")
      assert.equal("closed", (kept:status()))
    end)

    helpers.it_unless(helpers.no_close, "inside are closed in order, with the error, which may be another then", function()
      local box = box_with()
      local ok, message = pcall(box.dostring, box, [[
        order = {}
        local function closing(name, raise)
          return setmetatable({}, {__close = function(_, e)
            order[#order + 1] = name .. ":" .. tostring(e)
            if raise then error(raise, 0) end
          end})
        end
        local a <close> = closing("a")
        local b <close> = closing("b", "second")
        error("first", 0)
      ]])
      assert.is_false(ok)
      assert.equal("second", message)
      assert.same({ "b:first", "a:second" }, box:get("order"))
    end)
  end)

  describe("finalizers", function()
    helpers.it_unless(helpers.no_table_gc, "run while the box lives, may call the host, and fail alone", function()
      local box = box_with()
      local ran = {}
      box:set("note", function(name) ran[#ran + 1] = name end)
      box:dostring([[
        setmetatable({}, {__gc = function() note("one") end})
        setmetatable({}, {__gc = function() note("two") error("in a finalizer") end})
        pcall(collectgarbage) pcall(collectgarbage)
      ]])
      table.sort(ran)
      assert.same({ "one", "two" }, ran)
      assert.equal("ready", (box:status()))
    end)

    it("do not run at close", function()
      local box = sandbox.new()
      local ran = 0
      box:set("note", function() ran = ran + 1 end)
      box:dostring([[
        if newproxy then kept = newproxy(true) getmetatable(kept).__gc = function() note() end
        else kept = setmetatable({}, {__gc = function() note() end}) end
      ]])
      box:close()
      assert.equal(0, ran)
    end)
  end)
end)
