--- What Luau's interrupt tests ask of a sandbox, in our words: every form of endless loop, a hang in each library function, in
-- metamethods and callbacks, in and around pcall.

local helpers = require "spec.helpers"

local box_with = helpers.box

describe("Luau's interrupt:", function()
  after_each(helpers.tidy)

  describe("each form of endless loop is stopped:", function()
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

  describe("a hang is stopped", function()
    local spin = "local function spin() while true do end end "
    local places = {
      ["in __index"] = "return setmetatable({}, {__index = spin}).x",
      ["in __newindex"] = "setmetatable({}, {__newindex = spin}).x = 1",
      ["in __call"] = "setmetatable({}, {__call = spin})()",
      ["in __concat"] = "return setmetatable({}, {__concat = spin}) .. 'x'",
      ["in __unm"] = "return -setmetatable({}, {__unm = spin})",
      ["in __add"] = "return 1 + setmetatable({}, {__add = spin})",
      ["in __eq"] = "local m = {__eq = spin} return setmetatable({}, m) == setmetatable({}, m)",
      ["in __lt"] = "local m = {__lt = spin} return setmetatable({}, m) < setmetatable({}, m)",
      ["in __le"] = "local m = {__le = spin} return setmetatable({}, m) <= setmetatable({}, m)",
      ["in __tostring"] = "return tostring(setmetatable({}, {__tostring = spin}))",
      ["in a comparator"] = "table.sort({3, 2, 1}, spin)",
      ["in a replacement function"] = "return (('x'):gsub('x', spin))",
      ["in an iterator"] = "for _ in spin do end",
      ["in a reader of load"] = "load(spin)",
      ["in a coroutine that pcall resumes"] = "while true do pcall(coroutine.resume, coroutine.create(spin)) end",
      ["in pcall, inside a pcall, inside a coroutine"] = "coroutine.wrap(function() while true do pcall(pcall, spin) end end)()",
      ["in a comparator that catches"] = "table.sort({3, 2, 1}, function() while true do pcall(spin) end end)",
      ["in an error's handler, again and again"] = "while true do xpcall(error, spin) end",
      ["in a chain of __index functions"] = "local t = {} for _ = 1, 50 do local u = t t = setmetatable({}, "
        .. "{__index = function(_, k) return u[k] end}) end while true do local _ = t.x end",
    }
    for place, code in pairs(places) do
      it(place, function() helpers.assert_cpu_stop(box_with { cpu = 0.03 }, 0.03, spin .. code) end)
    end

    helpers.it_unless(helpers.version < 52 and not helpers.is_jit and "Lua 5.1 has neither", "in __len and __pairs", function()
      helpers.assert_cpu_stop(box_with { cpu = 0.03 }, 0.03, spin .. "return #setmetatable({}, {__len = spin}), spin()")
      helpers.assert_cpu_stop(box_with { cpu = 0.03 }, 0.03, spin .. "for _ in pairs(setmetatable({}, {__pairs = spin})) do end spin()")
    end)

    it("in a callback of the host that calls back in", function()
      local box = box_with { cpu = 0.03 }
      box:set("call", function(f) return f() end)
      helpers.assert_cpu_stop(box, 0.03, spin .. "while true do pcall(call, spin) end")
    end)
  end)

  describe("the next script", function()
    helpers.it_unless(helpers.no_soft_stop, "runs in the same box once there is time again", function()
      local box = box_with { cpu = 0.03 }
      for turn = 1, 5 do
        helpers.assert_cpu_stop(box, 0.03, "turns = (turns or 0) + 1 while true do end")
        box:limits { cpu = 0.03 }
        assert.equal(turn, box:get("turns"))
      end
    end)

    it("runs in another box at once", function()
      pcall(helpers.box { cpu = 0.03 }.dostring, helpers.box { cpu = 0.03 }, "while true do end")
      assert.equal(5050, box_with():dostring("local n = 0 for i = 1, 100 do n = n + i end return n"))
    end)
  end)
end)
