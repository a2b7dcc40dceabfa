--- What the peers' own tests and bug reports ask of a sandbox, put in our words: php-luasandbox, Luau, isolated-vm,
-- lua_sandbox, rings, Lanes, sandbox.lua, Redis, lupa.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("peers", function()
  after_each(helpers.tidy)

  describe("rings: states apart", function()
    it("share no globals, in either direction", function()
      local a, b = box_with(), box_with()
      a:dostring("x = 'of a' string.trick = true")
      b:dostring("x = 'of b'")
      rawset(_G, "x_of_the_host", 1)
      assert.equal("of a", a:get("x"))
      assert.equal("of b", b:get("x"))
      assert.is_nil(b:dostring("return x_of_the_host, string.trick"))
      assert.is_nil(rawget(string, "trick"))
      rawset(_G, "x_of_the_host", nil)
    end)

    it("pass scalars in and out, as many as there are", function()
      local results = { box_with():dostring("return select('#', ...), ...", 1, "two", true, nil, false, nil) }
      assert.equal(6, results[1])
      assert.same({ 6, 1, "two", true, nil, false }, { helpers.unpack(results, 1, 6) })
      assert.equal(0, select("#", box_with():dostring("")))
    end)

    it("report a syntax error and a runtime error with the chunk's name and line", function()
      local box = box_with()
      raises(function() box:dostring("x = = 1") end, ":1:")
      raises(function() box:dostring("\n\nerror('on line three')") end, ":3: on line three")
      raises(function() box:dostring("local function deep() local n = nil; return n.field end deep()") end, "index")
      assert.equal("string", type(box:traceback()))
      assert.is_truthy(box:traceback():find("deep", 1, true))
    end)

    it("keep a state that failed usable", function()
      local box = box_with()
      for _ = 1, 100 do pcall(box.dostring, box, "n = (n or 0) + 1 error({})") end
      assert.equal(100, box:get("n"))
    end)

    it("nest: a state made in a state is its own", function()
      local box = box_with()
      box:opensandbox()
      assert.same({ 1, 2 }, { box:dostring([[
        x = 1
        local below = sandbox.new()
        below:dostring("x = 2")
        return x, below:get("x")
      ]]) })
    end)

    it("refuse every use of a closed state", function()
      local box = sandbox.new()
      local f = box:load("return 1")
      box:close()
      raises(function() box:dostring("return 1") end, "sandbox is closed")
      raises(f, "closed")
    end)
  end)

  describe("Luau: each form of endless loop is stopped", function()
    local loops = {
      ["while"] = "while true do end",
      ["repeat"] = "repeat until false",
      ["numeric for"] = "for i = 1, math.huge do end",
      ["numeric for with step 0.5"] = "for i = 1, math.huge, 0.5 do end",
      ["generic for"] = "for _ in function() return 1 end do end",
      ["generic for over pairs of a growing table"] = "local t = {1} while true do for k in pairs(t) do t[k] = k end end",
      ["tail call"] = "local function f() return f() end f()",
      ["mutual tail calls"] = "local g local function f() return g() end function g() return f() end f()",
      ["__index function"] = "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) "
        .. "local function get() return t[1] end while true do pcall(get) end",
      ["__call"] = "local t t = setmetatable({}, {__call = function() return t() end}) t()",
      ["pcall in a loop"] = "while true do pcall(error) end",
      ["pcall around a loop, again and again"] = "while true do pcall(function() while true do end end) end",
      ["xpcall whose handler loops"] = "xpcall(error, function() while true do end end)",
      ["coroutines made anew"] = "while true do coroutine.wrap(function() end)() end",
      ["a loop inside coroutines in coroutines"] = "coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()",
      ["a generator that never ends"] = "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
      ["load"] = "while true do (loadstring or load)('return 1')() end",
    }
    for name, code in pairs(loops) do
      it(name, function() helpers.assert_cpu_stop(box_with { cpu = 0.05 }, 0.05, code) end)
    end

    helpers.it_unless(not (helpers.version >= 52 or helpers.is_jit) and "goto came with Lua 5.2", "goto", function()
      helpers.assert_cpu_stop(box_with { cpu = 0.05 }, 0.05, "::again:: goto again")
    end)

    local hangs = {
      ["string.find"] = "('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
      ["string.match"] = "('a'):rep(5000):match('.-.-.-.-b')",
      ["string.gmatch"] = "for _ in ('a'):rep(5000):gmatch('.-.-.-.-b') do end",
      ["string.gsub"] = "('a'):rep(5000):gsub('.-.-.-.-b', '')",
      ["string.gsub with a function"] = "while true do ('a'):gsub('a', function() end) end",
      ["string.rep"] = "while true do ('x'):rep(1e6) end",
      ["string.format"] = "while true do ('%99d'):format(1) end",
      ["table.concat"] = "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end while true do table.concat(t) end",
      ["table.sort"] = "local t = {} for i = 1, 1000 do t[i] = i end while true do table.sort(t, function(a, b) return a > b end) end",
      ["table.insert"] = "local t = {} for i = 1, 2e4 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end",
      ["tostring with __tostring"] = "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
      ["print with __tostring"] = "print(setmetatable({}, {__tostring = function() while true do end end}))",
      ["next over a huge table"] = "local t = {} for i = 1, 1e5 do t[i] = i end while true do for _ in pairs(t) do end end",
      ["collectgarbage"] = "local t = {} for i = 1, 1e5 do t[i] = {} end while true do collectgarbage() end",
      ["math"] = "while true do math.random() math.sin(1) end",
      ["os.time and os.date"] = "while true do os.date('%c', os.time()) end",
      ["io.write"] = "while true do io.write('') end",
      ["unpack"] = "local t = {} for i = 1, 5000 do t[i] = i end while true do select('#', (table.unpack or unpack)(t)) end",
    }
    for name, code in pairs(hangs) do
      it("in " .. name, function() helpers.assert_cpu_stop(box_with { cpu = 0.05 }, 0.05, code) end)
    end
  end)

  describe("isolated-vm: disposal and limits", function()
    it("disposes while running, from a callback", function()
      local box = box_with()
      box:set("dispose", function() box:close() end)
      raises(function() box:dostring("dispose() while true do end") end, "sandbox is closed")
      assert.equal("closed", box:status())
    end)

    it("runs out of memory in nested objects, and only there", function()
      local box = box_with { memory = 4 * helpers.MiB }
      raises(function() box:dostring("local t = {} while true do t = {t, ('x'):rep(100)} end") end, "not enough memory")
      assert.equal("ready", box:status())
      assert.equal(3, box:dostring("collectgarbage() return 1 + 2"))
    end)

    helpers.it_unless(helpers.no_soft_stop, "is stopped at the brim of its memory and goes on", function()
      local box = box_with { memory = 4 * helpers.MiB, cpu = 0.05 }
      helpers.assert_cpu_stop(box, 0.05, "kept = 7 "
        .. "pcall(function() local t = {} while true do t = {t, ('x'):rep(100)} end end) while true do end")
      helpers.assert_stopped(box, "cpu", "softly")
      box:limits { cpu = 1 }
      assert.equal(7, box:dostring("collectgarbage() return kept"))
    end)

    it("runs out of memory while a value is copied in, and while one is copied out", function()
      local box = box_with { memory = 2 * helpers.MiB }
      local list = {}
      for i = 1, 2e5 do list[i] = "item " .. i end
      raises(function() box:set("list", list) end, "not enough memory")
      assert.is_nil(box:get("list"))
      raises(function() box:dostring("local s = ('x'):rep(4e5) return {s, s .. 1, s .. 2, s .. 3, s .. 4}") end, "not enough memory")
      assert.equal(1, box:dostring("collectgarbage() return 1"))
    end)

    it("has timers of both kinds at once: the shorter one stops", function()
      local box = box_with { cpu = 0.05, wall = 30 }
      raises(function() box:dostring("while true do end") end, "cpu limit")
      helpers.assert_stopped(box, "cpu")
      box = box_with { cpu = 30, wall = 0.05 }
      raises(function() box:dostring("while true do end") end, "wall limit")
      helpers.assert_stopped(box, "wall")
    end)

    it("stops a function of the box that the host calls later", function()
      local box = box_with { cpu = 0.05 }
      local f = box:dostring("return function() while true do end end")
      raises(f, "cpu limit")
      helpers.assert_stopped(box, "cpu")
    end)

    it("carries an error's details across the border and back", function()
      local box = box_with()
      box:set("fail", function(code) error({ code = code, inner = { "why" } }) end)
      local ok, e = pcall(box.dostring, box, "local ok, e = pcall(fail, 42) e.seen = true error(e)")
      assert.is_false(ok)
      assert.same({ code = 42, inner = { "why" }, seen = true }, e)
    end)

    it("ends recursion across the border with an error", function()
      local box = box_with()
      box:set("over", function() return box:dostring("return over()") end)
      local ok, message = pcall(box.dostring, box, "return over()")
      assert.is_false(ok)
      assert.equal("string", type(message))
    end)

    it("stops a collection that never ends", function()
      local box = box_with { cpu = 0.1 }
      helpers.assert_cpu_stop(box, 0.1, [[
        local guard
        if newproxy then
          function guard() local p = newproxy(true) getmetatable(p).__gc = function() guard() end end
        else
          function guard() setmetatable({}, {__gc = function() guard() end}) end
        end
        guard()
        while true do collectgarbage() end
      ]])
    end)

    it("survives the parser's overflow", function()
      local box = box_with()
      local f, message = box:load(("("):rep(1e5) .. "1" .. (")"):rep(1e5))
      assert.is_nil(f)
      assert.equal("string", type(message))
      f, message = box:load("return " .. ("{"):rep(1e5) .. ("}"):rep(1e5))
      assert.is_nil(f)
      assert.equal("string", type(message))
      assert.equal("ready", (box:status()))
    end)
  end)

  describe("lua_sandbox: errors, output, configuration", function()
    it("names what is wrong with a configuration", function()
      for _, case in ipairs { { memory = "much" }, { cpu = {} }, { output = -1 }, { memory_limit = 1 }, { output_limit = 1 } } do
        raises(function() sandbox.new(case) end, (next(case)))
      end
    end)

    it("counts output exactly, up to the limit and no further", function()
      local box = box_with { output = 63 }
      local got = helpers.captured(box)
      box:dostring("for _ = 1, 7 do io.write('123456789') end")
      assert.equal(63, box:usage().output)
      raises(function() box:dostring("io.write('1')") end, "output limit of 63")
      assert.equal(63, #got())
    end)

    it("keeps what a script has stored from one message to the next", function()
      local box = box_with()
      box:dostring("count, history = 0, {} function process(m) count = count + 1 history[count] = m return count end")
      local process = box:get("process")
      for i = 1, 50 do assert.equal(i, process("message " .. i)) end
      assert.equal("message 50", box:get("history")[50])
    end)

    it("does not restart an allowance with a new coroutine", function()
      local box = box_with { cpu = 0.1 }
      helpers.assert_cpu_stop(box, 0.1, "while true do coroutine.wrap(function() for _ = 1, 1000 do end end)() end")
    end)
  end)

  describe("Redis: tricks with globals and chunks", function()
    it("refuses bytecode, wherever code is loaded", function()
      local box = box_with()
      local bytecode = string.dump(function() return 1 end)
      raises(function() box:dostring(bytecode) end)
      raises(function() box:dofile(helpers.file(bytecode)) end)
      assert.is_nil((box:load(bytecode)))
      local whole, in_pieces, why = box:dostring([[
        local dumped = string.dump(function() end)
        local pieces = {dumped}
        return (loadstring or load)(dumped), load(function() return table.remove(pieces) end)
      ]])
      assert.is_nil(whole)
      assert.is_nil(in_pieces)
      assert.equal("string", type(why))
    end)

    it("lets a script ruin its own globals, and no others", function()
      local box, other = box_with(), box_with()
      box:dostring([[
        setmetatable(_G, {__newindex = error, __index = error})
        rawset(_G, "tostring", nil)
        for k in pairs(string) do string[k] = nil end
        getmetatable("").__index = nil
      ]])
      assert.equal("X", ("x"):upper())
      assert.equal("X", other:dostring("return ('x'):upper()"))
      assert.equal("1", other:dostring("return tostring(1)"))
      assert.equal("function", type(string.rep))
    end)

    it("does not let a table that was handed in be changed for the host", function()
      local shared = { list = { 1, 2, 3 }, name = "shared" }
      box_with():dostring("local t = ... t.name = 'changed' t.list[1] = 99 rawset(t, 'new', 1) setmetatable(t, {__index = error})", shared)
      assert.same({ list = { 1, 2, 3 }, name = "shared" }, shared)
      assert.is_nil(getmetatable(shared))
    end)

    it("stops a script that hides in pcall from being stopped", function()
      local box = box_with { wall = 0.1, cpu = 30 }
      local ran_on = false
      box:set("survived", function() ran_on = true end)
      raises(function()
        box:dostring("while true do local ok = pcall(function() while true do pcall(error) end end) survived() end")
      end, "wall limit")
      assert.is_false(ran_on)
    end)
  end)

  describe("php-luasandbox: callbacks and pauses", function()
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

  describe("Lanes and sandbox.lua: values and leaks", function()
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

    it("leaves nothing of one run's limit to the next box", function()
      for _ = 1, 5 do
        local stopped = box_with { cpu = 0.02, memory = 2 * helpers.MiB }
        pcall(stopped.dostring, stopped, "while true do end")
        assert.equal(2e5, sandbox.run("local n = 0 for _ = 1, 2e5 do n = n + 1 end return n"))
      end
    end)

    it("counts a quota in nested calls once for all of them", function()
      local box = box_with { cpu = 0.2 }
      box:set("inner", function() return box:dostring("local t = os.clock() while os.clock() - t < 0.05 do end") end)
      assert.has_no.errors(function() box:dostring("inner() inner()") end)
      raises(function() box:dostring("while true do inner() end") end, "cpu limit of 0.2")
    end)
  end)

  describe("lupa: memory", function()
    it("is bounded at each way in", function()
      local big = ("x"):rep(4 * helpers.MiB)
      local ways = {
        set = function(box) box:set("s", big) end,
        argument = function(box) box:dostring("return 1", big) end,
        code = function(box) box:dostring("return '" .. big .. "'") end,
        proxy = function(box) box:load("return ...")(big) end,
        inside = function(box) box:dostring("return #('x'):rep(2^22)") end,
        table = function(box) box:dostring("local t = {} for i = 1, 1e6 do t[i] = i end") end,
        callback = function(box)
          box:set("f", function() return big end)
          box:dostring("f()")
        end,
      }
      for name, way in pairs(ways) do
        local box = box_with { memory = 2 * helpers.MiB }
        raises(function() way(box) end, "not enough memory")
        assert.equal("ready", (box:status()), name)
        assert.is_true(box:usage().memory_peak <= 2 * helpers.MiB, name)
      end
    end)
  end)
end)
