--- Manual, section 3: recursion in C and the interpreter's own bugs cost the box (stack, fault), never the process.
-- Each case runs in a host process of its own, so that a crash is seen as one.

local helpers = require "spec.helpers"

-- Ways to nest deeply; the correct end is an ordinary error or result, or a stop of the box.
local DEEP = {
  { "nested gsub callbacks", "local function dive() return (string.gsub('ab', '%w', dive)) end dive()" },
  { "nested coroutines", "local function nest() return coroutine.wrap(nest)() end nest()" },
  { "nested coroutine.resume", "local function nest() return coroutine.resume(coroutine.create(nest)) end nest()" },
  { "nested pcall", "local function f() return pcall(f) end f()" },
  { "nested xpcall handlers", "local function f() error('x') end local function h() return xpcall(f, h) end xpcall(f, h)" },
  { "__index chains", [[local t = {} for i = 1, 1e5 do t = setmetatable({}, { __index = t }) end return t.x]] },
  { "__index functions", [[local mt = {} mt.__index = function(t, k) return setmetatable({}, mt)[k] end
      return setmetatable({}, mt).x]] },
  { "__concat and __eq", [[local mt = {} mt.__concat = function(a, b) return a .. b end
      mt.__eq = function(a, b) return setmetatable({}, mt) == setmetatable({}, mt) end
      pcall(function() return setmetatable({}, mt) .. 'x' end)
      return setmetatable({}, mt) == setmetatable({}, mt)]] },
  { "__tostring", [[local mt = {} mt.__tostring = function(t) return tostring(setmetatable({}, mt)) end
      return tostring(setmetatable({}, mt))]] },
  { "sort in sort", "local function s() table.sort({ 3, 2, 1 }, s) return false end s()" },
  { "load in a load reader", "local function r() return load(r) end r()" },
  { "deep parentheses", "return (loadstring or load)('return ' .. ('('):rep(1e5) .. '1' .. (')'):rep(1e5))" },
  { "deep tables in source", "return (loadstring or load)('return ' .. ('{'):rep(1e5) .. ('}'):rep(1e5))" },
  { "deep functions in source", "return (loadstring or load)(('return function() '):rep(1e5) .. ('end '):rep(1e5))" },
  { "deep blocks in source", "return (loadstring or load)(('do '):rep(1e5) .. ('end '):rep(1e5))" },
  { "deep operators in source", "return (loadstring or load)('return ' .. ('- '):rep(1e5) .. '1')" },
  { "deep concatenation in source", "return (loadstring or load)('return ' .. ('a ..'):rep(1e5) .. 'a')" },
  { "plain recursion", "local function f() return 1 + f() end f()" },
  { "deep patterns", "return ('a'):rep(2^20):find(('.?'):rep(2^19))" },
  { "deep captures", "return ('('):rep(40):find(('('):rep(40))" },
  { "pcall as a metamethod", "local t = setmetatable({}, { __call = pcall }) t()" },
  { "require in a searcher", [[package.preload.x = function() package.loaded.x = nil return require 'x' end
      return require 'x']] },
}

-- What crashes Debian's stock builds, on one Lua or another; all Luas are asked.
local CRASHERS = {
  ["unpack over 2^31 values"] = "return select('#', (table.unpack or unpack)({}, 0, 2^31 - 1))",
  ["unpack at the edges"] = [[local unpack = table.unpack or unpack
      for _, from in ipairs { -2^63, -2^31, -1, 0, 2^31 - 1, 2^31, 2^53 } do
        for _, to in ipairs { -2^31, 0, 2^31 - 1, 2^31, 2^53, 2^62 } do pcall(unpack, {}, from, to) end
      end]],
  ["deep patterns of each kind"] = [[for _, unit in ipairs { '.?', 'a-', 'a*', 'a?' } do
        pcall(string.find, ('a'):rep(2^20), unit:rep(2^19)) end]],
  ["a break out of a for with a closing value"] = [[local load = load
      local f = load("local c = setmetatable({}, { __close = function() end }) " ..
        "local function deep(n) local x <close> = c for k in next, { 1 }, nil, c do " ..
        "local function g() return k end break end if n > 0 then return (deep(n - 1)) end end " ..
        "for i = 1, 50 do pcall(deep, 20) end")
      if f then f() end]],
  ["a chain of coroutine.close"] = [[if not coroutine.close then return end
      load("local chain = false for i = 1, 20000 do local older = chain " ..
        "chain = coroutine.create(function() local guard <close> = setmetatable({}, { __close = function() " ..
        "if older then coroutine.close(older) end end }) coroutine.yield() end) coroutine.resume(chain) end " ..
        "pcall(coroutine.close, chain)")()]],
  ["__call = pcall and xpcall"] = [[pcall(setmetatable({}, { __call = pcall }))
      pcall(setmetatable({}, { __call = xpcall }), print)]],
  ["chains of pcall"] = [[for i = 1, 245, 4 do
        local f = (loadstring or load)("return pcall(" .. ("pcall, "):rep(i) .. "pairs, {})")
        if f then pcall(coroutine.wrap(f)) end
      end]],
  ["overflow in a message handler"] = [[
      local mt = { __add = function(a, b) local _ return a + b end }
      local p, q = setmetatable({}, mt), setmetatable({}, mt)
      for i = 1, 100 do
        pcall(coroutine.wrap(function() xpcall(error, function() pcall(error)
          local a, b, c, d, e, f, g, h, i, j local x = p + q end) end))
      end]],
}

-- The host process: runs the code in a box, then does what a host does.
local HOST = [[
  local sandbox = require "sandbox"
  local box = sandbox.new { cpu = 2, wall = 20, memory = 256 * 2^20 }
  local ok, message = pcall(box.dostring, box, %q)
  local status, kind = box:status()
  assert(ok or type(message) == "string", type(message))
  if status ~= "ready" then
    assert(not ok and (status == "killed" or status == "exhausted"), status)
    assert(({ stack = 1, fault = 1, cpu = 1 })[kind], kind)
  else
    assert(box:dostring("return 1 + 1") == 2)
  end
  box:close()
  assert(sandbox.run("return 'alive'") == "alive")
  -- The host's own C stack and heap are as they were.
  local function dive(n) return n == 0 and "" or (string.gsub("a", "a", function() return dive(n - 1) end)) end
  dive(%d)
  collectgarbage() collectgarbage()
  print("survived", status, kind)
]]

local function survives(code, shell, depth)
  local output, exit = helpers.in_process(HOST:format(code, depth or 50), shell)
  assert.equal(0, exit, output)
  assert.is_truthy(output:find("survived", 1, true), output)
  return output
end

describe("C-stack exhaustion in a box", function()
  after_each(helpers.tidy)

  for _, case in ipairs(DEEP) do
    it("costs no more than the box: " .. case[1], function() survives(case[2]) end)
  end

  it("costs no more than the box on a host thread of 256 KB", function()
    for _, case in ipairs(DEEP) do survives(case[2], "ulimit -s 256;", 5) end
  end)

  it("ends as stock Lua's error where stock Lua has one", function()
    local box = helpers.box { cpu = 5, memory = 256 * helpers.MiB }
    local codes = { "local function f() return 1 + f() end f()" }
    -- Stock LuaJIT crashes on this one.
    if not helpers.is_jit then
      codes[2] = "local function dive() return (string.gsub('ab', '%w', dive)) end dive()"
    end
    for _, code in ipairs(codes) do
      helpers.raises(function() box:dostring(code) end, "stack overflow")
      assert.equal("ready", (box:status()))
    end
  end)
end)

describe("a crash of the interpreter itself", function()
  after_each(helpers.tidy)

  for name, code in pairs(CRASHERS) do
    it("costs no more than the box: " .. name, function() survives(code) end)
  end

  it("is a stack or fault stop with a message, when the box is killed by it", function()
    local killed = 0
    for _, code in pairs(CRASHERS) do
      local output = survives(code)
      if output:find("killed", 1, true) then
        killed = killed + 1
        assert.is_truthy(output:find("stack", 1, true) or output:find("fault", 1, true) or output:find("cpu", 1, true), output)
      end
    end
    if helpers.version == 51 and not helpers.is_jit then
      assert.is_true(killed > 0, "Lua 5.1's crashes were expected to kill a box")
    end
  end)

  it("many times over leaves the process sound", function()
    local code = CRASHERS["unpack over 2^31 values"]
    local output, exit = helpers.in_process(([[
      local sandbox = require "sandbox"
      local function maps() local n = 0 for _ in io.lines("/proc/self/maps") do n = n + 1 end return n end
      local before
      for i = 1, 60 do
        local box = sandbox.new { cpu = 2 }
        pcall(box.dostring, box, %q)
        box:close()
        if i == 10 then before = maps() end
      end
      collectgarbage()
      assert(maps() - before < 40, "mappings grew")
      print(sandbox.run("return 'alive'"))]]):format(code))
    assert.equal(0, exit, output)
    assert.is_truthy(output:find("alive", 1, true), output)
  end)
end)

describe("a fault of the host's own", function()
  it("still ends the process as it would without the library", function()
    -- A real SIGSEGV sent to the host is none of the box's business.
    local _, exit = helpers.in_process([[
      local sandbox = require "sandbox"
      sandbox.run("return 1")
      os.execute("kill -SEGV $PPID")
      for _ = 1, 1e9 do end
      print "still here"]])
    -- timeout reports 128 + 11 for its command, or passes the signal on.
    assert.equal(139, exit)
  end)
end)
