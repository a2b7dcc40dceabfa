--- Issue 2, section 2, "Stops hold against": code that stands in one long C call, in the collector, in the parser
-- or in compiled LuaJIT code comes back too. The call raises the limit's message, and the memory is given back.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local MiB = helpers.MiB
local jit, version = helpers.is_jit, helpers.version

-- { what, code, preparation with time enough, why it is pending here }
local before_52 = version < 52 and "before Lua 5.2 the table library sees no __len"
local before_53 = version < 53 and "before Lua 5.3 the table library sees no __index"
local no_goto = version < 52 and not jit and "Lua 5.1 has no goto"
local no_move = not table.move and "this Lua has no table.move"
local no_jit = not jit and "only LuaJIT compiles"
local HUGE = "setmetatable({}, { __len = function() return 2147483640 end })"
-- Metamethods that are C functions: no instruction of the VM runs between them.
local C_HUGE = [[setmetatable({}, { __len = function() return 2147483640 end,
  __index = rawlen, __newindex = rawlen })]]

local CASES = {
  { "a pattern with exponential backtracking", "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))" },
  { "a pattern with cubic backtracking", "return (('a'):rep(20000):find('.-.-.-b'))" },
  { "gmatch with quadratic backtracking", "for _ in ('a'):rep(2^20):gmatch('.-b') do end" },
  { "string.match in a coroutine", [[return coroutine.wrap(function()
      return (('a'):rep(30):match(('a?'):rep(30) .. ('a'):rep(30) .. 'b')) end)()]] },
  { "a pattern in pcall loops", [[while true do
      pcall(string.find, ('a'):rep(30), ('a?'):rep(30) .. ('a'):rep(30) .. 'b') end]] },
  { "plain find of a 250 KB needle in 5 MB", "return (haystack:find(needle, 1, true))",
    "haystack = ('a'):rep(5 * 2^20) needle = ('a'):rep(125000) .. 'b' .. ('a'):rep(125000)" },
  { "gsub on 1 MB", "return (s:gsub('.-b', ''))", "s = ('a'):rep(2^20)" },
  { "gsub on 1 MB in a loop", "while true do s:gsub('a', 'b') end", "s = ('a'):rep(2^20)" },
  { "string.rep of nothing", "while true do string.rep('', 2^31 - 1) end" },
  { "table.move over 2^53", "table.move({}, 1, 2^53 - 1, 2)", nil, no_move },
  { "table.insert far below 1", "table.insert({}, -2147483647, 'x')", nil,
    version > 51 and "from Lua 5.2 positions are checked" },
  { "table.insert with a huge __len", "table.insert(" .. HUGE .. ", 1, 'x')", nil, before_52 },
  { "table.insert with C metamethods", "table.insert(" .. C_HUGE .. ", 1, 'x')", nil, before_52 },
  { "table.remove with a huge __len", "table.remove(" .. HUGE .. ", 1)", nil, before_52 },
  { "table.remove with C metamethods", "table.remove(" .. C_HUGE .. ", 1)", nil, before_52 },
  { "table.concat with C metamethods", "return #table.concat(" .. C_HUGE .. ")", nil, before_53 },
  { "table.sort with C metamethods", "table.sort(" .. C_HUGE .. ")", nil, before_53 },
  { "table.sort with a C comparison", "table.sort(" .. HUGE .. ", io.type)", nil, before_52 },
  { "sort of strings with a 1 MB common prefix", [[while true do
      for i = 1, 30 do t[i] = s[i * 7 % 31] end table.sort(t) end]],
    "s, t = {}, {} for i = 1, 30 do s[i] = ('a'):rep(2^20) .. i end" },
  { "load of a 100,000-link elseif chain", "while true do (loadstring or load)(source) end",
    "source = 'local x = ... if x == 0 then return 0 ' .. ('elseif x then x = 0 '):rep(100000) .. 'end'" },
  { "load of 200,000 labels", "while true do (loadstring or load)(source) end",
    [[local t = {} for i = 1, 200000 do t[i] = 'goto l' .. i end
      for i = 1, 200000 do t[#t + 1] = '::l' .. i .. '::' end source = table.concat(t, ' ')]], no_goto },
  { "load of a comment without end", "return load(function() return '----------------------------------------' end)" },
  { "load of a token without end, from a C function", "return load(os.time)" },
  { "a chain of weak tables in the collector", "while true do collectgarbage() end", [==[
      local N, seed, keys, order = 20000, 7, {}, {}
      tabs = {}
      for i = 1, N do keys[i] = {} order[i] = i end
      for i = N, 2, -1 do
        seed = (seed * 16807) % 2147483647
        local j = seed % i + 1
        order[i], order[j] = order[j], order[i]
      end
      for i = 1, N - 1 do tabs[order[i]] = setmetatable({ [keys[i]] = keys[i + 1] }, { __mode = 'k' }) end
      first = keys[1] ]==] },
  { "unpack of thousands in pcall", "while true do pcall(table.unpack or unpack, {}, 1, 7000) end" },
  { "__gc without end", "x = nil while true do collectgarbage() end", [[
      local function spin() while true do end end
      if newproxy then x = newproxy(true) getmetatable(x).__gc = spin else x = setmetatable({}, { __gc = spin }) end]] },
  { "__close without end", "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end",
    nil, helpers.no_close },
  { "__close without end in a coroutine", [[
      local co = coroutine.create(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        coroutine.yield()
      end)
      coroutine.resume(co)
      coroutine.close(co)]], nil, helpers.no_close },
  { "a compiled loop", "local x = 0 while true do x = x + 1 end", nil, no_jit },
  { "a compiled numeric for", "local x = 0 for i = 1, 2^53 do x = x + i end return x", nil, no_jit },
  { "nested compiled loops in pcall", [[local x = 0
      while true do pcall(function() for i = 1, 2^53 do for j = 1, 1000 do x = x + j end end end) end]], nil, no_jit },
  { "a compiled loop over a table", "local t = { 1, 2, 3 } while true do t[2] = t[1] + t[3] end", nil, no_jit },
  { "a compiled loop in a coroutine", "coroutine.wrap(function() local x = 0 while true do x = x + 1 end end)()", nil,
    no_jit },
  { "a compiled recursion", "local function f(n) if n > 0 then return f(n - 1) end return f(100) end f(100)", nil, no_jit },
}

describe("a stop holds against", function()
  after_each(helpers.tidy)

  for _, case in ipairs(CASES) do
    local name, code, prepare, cannot = case[1], case[2], case[3], case[4]
    helpers.it_unless(cannot, name, function()
      local box = helpers.box { cpu = 20, memory = 512 * MiB }
      box:dostring(prepare or "")
      box:limits { cpu = 0.1 }
      helpers.assert_cpu_stop(box, 0.1, code)
      if box:status() == "killed" then
        assert.is_true(box:usage().memory < MiB, "the memory was not given back")
        helpers.raises(function() box:dostring("return 1") end, "killed")
      end
      box:close()
      assert.equal("alive", sandbox.run("return 'alive'"))
    end)
  end
end)

describe("a hard stop", function()
  after_each(helpers.tidy)

  local LONG = "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))"

  it("kills the box and says so, with the limit's kind", function()
    local box = helpers.box { cpu = 0.05 }
    helpers.assert_cpu_stop(box, 0.05, LONG)
    local status, kind = box:status()
    assert.equal("killed", status)
    assert.equal("cpu", kind)
    -- New limits don't bring it back.
    pcall(box.limits, box, { cpu = 5 })
    assert.equal("killed", (box:status()))
    helpers.raises(function() box:dostring("return 1") end, "killed")
  end)

  it("of a box below leaves the one above alone", function()
    local outer = helpers.box { cpu = 5 }
    outer:opensandbox()
    local status, kind = outer:dostring([[
      local b = sandbox.new { cpu = 0.05 }
      pcall(b.dostring, b, ...)
      return b:status()]], LONG)
    assert.equal("killed", status)
    assert.equal("cpu", kind)
    assert.equal("ready", (outer:status()))
    assert.equal(2, outer:dostring("return sandbox.run('return 1 + 1')"))
  end)

  it("inside a callback of the host goes through the host's own code", function()
    local outer, inner = helpers.box(), helpers.box { cpu = 0.05 }
    local seen
    outer:set("work", function()
      local ok, message = pcall(inner.dostring, inner, LONG)
      seen = message
      return ok
    end)
    assert.is_false(outer:dostring("return work()"))
    assert.is_truthy(seen:find("cpu limit of 0.05 s exceeded", 1, true))
    assert.equal("ready", (outer:status()))
  end)

  it("a thousand times in one process leaves memory and mappings flat", function()
    local codes = { LONG, "while true do string.rep('', 2^31 - 1) end", "return (('a'):rep(20000):find('.-.-.-b'))",
      jit and "local x = 0 while true do x = x + 1 end" or "while true do end" }
    local n = 0
    helpers.assert_flat(1000, function()
      n = n + 1
      local box = sandbox.new { cpu = 0.001 }
      local ok, message = pcall(box.dostring, box, codes[n % #codes + 1])
      assert(not ok and message:find("cpu limit of 0.001 s exceeded", 1, true), tostring(message))
      box:close()
    end)
    assert.equal("alive", sandbox.run("return 'alive'"))
  end)

  it("leaves the host's own time, hooks and random numbers alone", function()
    math.randomseed(42)
    local first, second = math.random(2 ^ 30), math.random(2 ^ 30)
    math.randomseed(42)
    assert.equal(first, math.random(2 ^ 30))
    for _ = 1, 5 do
      local box = sandbox.new { cpu = 0.01 }
      box:dostring("math.randomseed(1) x = math.random()")
      pcall(box.dostring, box, LONG)
      box:close()
    end
    assert.equal(second, math.random(2 ^ 30))
    assert.is_nil((debug.gethook()))
  end)
end)
