--- Manual, section 4: the base library, print, load and debug, as code in a box sees them.

local helpers = require "spec.helpers"

local MiB = helpers.MiB

-- The names in a table of the stock interpreter, or of a box, as one sorted line.
local NAMES = [[
  local names = {}
  local t = %s
  if type(t) ~= "table" then return type(t) end
  for k in pairs(t) do names[#names + 1] = tostring(k) end
  table.sort(names)
  return table.concat(names, " ")]]

local function box_names(box, expression)
  return box:dostring(NAMES:format(expression))
end

local SNIPPETS = {
  "return type(1), type('x'), type(nil), type({}), type(print), type(coroutine.create(print)), type()",
  "return tostring(nil), tostring(true), tostring(12), tostring(1.5), tostring(-0.0), tostring(1e100), tostring(2^53)",
  "return tostring(1/0), tostring(-1/0), tostring(10 / 2), tostring(3 * 1.0), 2^63, -2^63, 1e15, 1e16",
  "return tostring(setmetatable({}, { __tostring = function() return 'mine' end }))",
  "return tostring(setmetatable({}, { __tostring = function() return 5 end }))",
  "return tostring()",
  "return tonumber('12'), tonumber(' 0x1F '), tonumber('1e2'), tonumber('z'), tonumber('10', 2), tonumber('zz', 36)",
  "return tonumber('7', 2), tonumber(''), tonumber('0x'), tonumber('1 2'), tonumber('1e'), tonumber(12), tonumber('0x1p4')",
  "return tonumber({})", "return tonumber()", "return tonumber('1', 99)", "return tonumber('9007199254740993')",
  "return rawequal({}, {}), rawequal(1, 1), rawget({ 5 }, 1), rawset({}, 1, 2)[1]",
  "return rawlen({ 1, 2 }), rawlen('abc')", "return rawlen(5)",
  "return select('#'), select('#', nil, nil), select(2, 'a', 'b', 'c'), select(-1, 'a', 'b')",
  "return select(0)", "return select(-5, 1)",
  "return next({}), next({ 5 }), next({ 5 }, 1)", "return next({}, 'no such key')",
  "local n = 0 for k, v in pairs({ 1, 2, x = 3 }) do n = n + v end return n",
  "local s = '' for i, v in ipairs({ 1, 2, nil, 4 }) do s = s .. i .. v end return s",
  "return pairs(nil)", "return ipairs()",
  "local t = setmetatable({}, { __pairs = function() return function() end, 1, 2 end }) return select('#', pairs(t))",
  "local t = setmetatable({}, { __index = function(_, i) if i < 4 then return i end end }) local n = 0 " ..
    "for _, v in ipairs(t) do n = n + v end return n",
  "local t = setmetatable({}, { __metatable = 'locked' }) return getmetatable(t)",
  "local t = setmetatable({}, { __metatable = 'locked' }) return setmetatable(t, {})",
  "return setmetatable({})", "return setmetatable(1, {})", "return getmetatable('').__index == string, getmetatable({})",
  "return pcall(error), pcall(error, nil), pcall(error, 'x'), pcall(error, 'x', 0), pcall(error, {}, 1)",
  "return pcall(error, 'lvl', 2)", "return pcall()", "return pcall(nil)", "return pcall(5)",
  "error('one')", "error('two', 2)", "error('zero', 0)", "error()", "error(nil, 3)", "error({ 1 })",
  "return xpcall(error, function(m) return 'handled ' .. tostring(m) end, 'x')",
  "return xpcall(function(...) return select('#', ...) end, print, 1, 2, 3)",
  "return xpcall(error)", "return xpcall(error, 5)",
  "return xpcall(function() local x = nil + 1 end, function(m) return (m:gsub('^.*:', '')) end)",
  "return assert(1, 2, 3)", "return assert(false)", "return assert(nil, 'message')", "return assert(false, { 1 })",
  "return assert()", "return assert(false, nil)",
  "return (loadstring or load)('return ...')(1, 2)", "return (loadstring or load)('x = = 1')",
  "return (loadstring or load)('return 1', '=named')", "return (loadstring or load)('error(1)', '@file.lua')",
  "return load(function() end)", "local n = 0 return load(function() n = n + 1 return ({ 'return', ' 1', '1' })[n] end)()",
  "return load(function() error('in reader') end)",
  "return load(function() return {} end)", "return load(5)", "return load()",
  "return load('return x', 'chunk', 't', { x = 7 })", "local f = load('return x', 'c', 't', { x = 7 }) return f and f()",
  "return load('return 1', 'c', 'b')",
  "return unpack and unpack({ 1, 2, 3 }), table.unpack and table.unpack({ 1, 2, 3 }, 2)",
  "return (unpack or table.unpack)({}, 1, 3)", "return (unpack or table.unpack)({ 1, 2 }, -1, 1)",
  "return (unpack or table.unpack)({}, 1, 1e7)",
  "local f = setfenv and setfenv(function() return x end, { x = 3 }) return f and f()",
  "return getfenv and getfenv(1) == _G, getfenv and getfenv(print) == _G", "return setfenv and setfenv(5)",
  "return getfenv and setfenv(print, {})",
  "local p = newproxy and newproxy(true) return type(p), p and type(getmetatable(p))", "return newproxy and newproxy(5)",
  "return _G._G == _G, _VERSION, getmetatable(_G)", "x_global = 1 return _G.x_global",
  "return type(collectgarbage('count')), collectgarbage()", "return collectgarbage('bogus')",
  "return collectgarbage('isrunning')",
  "collectgarbage('stop') local a = collectgarbage('isrunning') collectgarbage('restart') return a",
  "return collectgarbage('setpause', 200) >= 0, collectgarbage('setstepmul', 200) >= 0",
  "return type(collectgarbage('generational')), type(collectgarbage('incremental'))",
  "local t = setmetatable({}, { __mode = 'k' }) t[{}] = 1 collectgarbage() return next(t)",
  "return nil + 1", "return {} .. 'x'", "return #5", "return nil.x", "local t = {} t.x.y = 1", "local a = 'x' return a()",
  "return undefinedfunction()", "return 1 < 'x'", "return {} < {}", "return 2^53 == 2^53 + 1, 7 // 2, 7 % -3, 5 // 0.0",
  "return 1 // 0", "return 1 & 2.5", "return 3 | 4, ~0, 1 << 62, 'a' & 1", "goto done ::done:: return 1",
  "local x <const> = 5 return x", "local x <close> = nil return 1", "return '10' + 5, '3' * '4', 10 .. 20",
  "return debug.traceback('message', 1):match('^message\\nstack traceback:') ~= nil", "return debug.traceback({}) ~= nil",
  "return type(debug.traceback(5)), type(debug.traceback()), debug.traceback(nil) == nil",
  "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) " ..
    "return debug.traceback(co, 'co'):match('^co\\nstack traceback:') ~= nil",
  "warn('@off') return warn('x')", "return type(gcinfo and gcinfo())",
}

describe("the base library of a box", function()
  after_each(helpers.tidy)

  it("does what the stock one does", function()
    helpers.assert_as_stock(SNIPPETS)
  end)

  it("has the names that this Lua has", function()
    local text, exit = helpers.in_process("io.write((function() " .. NAMES:format("_G") .. " end)())")
    assert.equal(0, exit)
    local box, seen = helpers.box(), {}
    for name in box_names(box, "_G"):gmatch("%S+") do seen[name] = true end
    for name in text:gmatch("%S+") do
      if name ~= "arg" and name ~= "jit" then
        assert.is_true(seen[name], name .. " is missing")
        seen[name] = nil
      end
    end
    -- `jit` may show what it is, not control it.
    seen.jit = nil
    assert.same({}, seen)
  end)

  it("has nothing of ffi, jit control or debug beyond traceback", function()
    local box = helpers.box()
    assert.equal("traceback", box_names(box, "debug"))
    assert.equal("nil", box:dostring("return type(jit and (jit.on or jit.off or jit.flush or jit.opt or jit.util))"))
    for _, name in ipairs { "ffi", "jit.opt", "jit.util", "jit.profile" } do
      assert.is_false(box:dostring("return (pcall(require, ...))", name), name)
    end
  end)

  it("runs chunks of text only", function()
    local box = helpers.box()
    local bytecode = string.dump(function() return 1 end)
    box:set("bytecode", bytecode)
    for _, code in ipairs { "(loadstring or load)(bytecode)", "load(bytecode)", "load(bytecode, 'c', 'b')",
      "load(bytecode, 'c', 'bt')", "load(string.dump(function() end))",
      "load((function() local sent return function() if not sent then sent = true return bytecode end end end)())",
      "load((function() local n = 0 return function() n = n + 1 if n <= #bytecode then return bytecode:sub(n, n) end end end)())",
      "load((function() local n = 0 return function() n = n + 1 return ({ '\\27', bytecode:sub(2) })[n] end end)())" } do
      local ok, f = box:dostring("local ok, f = pcall(function() return " .. code .. " end) return ok, f")
      assert.is_true(not ok or f == nil, code)
    end
  end)

  it("reaches no files without a grant", function()
    local box = helpers.box()
    local path = helpers.file("return 'reached'")
    for _, code in ipairs { "dofile(...)", "assert(loadfile(...))()", "assert(loadfile(..., 't'))()" } do
      assert.is_false(box:dostring("return (pcall(function(...) return " .. code .. " end, ...))", path), code)
    end
    assert.is_nil((box:dostring("return loadfile(...)", path)))
    assert.is_string(select(2, box:dostring("return loadfile(...)", path)))
    local message = select(2, box:dostring("return loadfile(...)", helpers.file("the secret = ")))
    assert.is_nil(message:find("secret", 1, true))
  end)

  it("has a collector that the box alone feels", function()
    local box = helpers.box()
    local before = collectgarbage("count")
    box:dostring("t = ('x'):rep(4 * 2^20)")
    assert.is_true(box:dostring("return collectgarbage('count')") * 1024 >= 4 * MiB)
    box:dostring("collectgarbage('stop')")
    assert.is_true(collectgarbage("count") < before + 1024)
    local weak = setmetatable({ {} }, { __mode = "v" })
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)

describe("print in a box", function()
  after_each(helpers.tidy)

  it("writes to the box's stdout as stock print does", function()
    local code = [[
      print()
      print(1, 2.5, 'x', nil, true, -0.0, 1e100, 2^53)
      print('ab', '\n')
      print(setmetatable({}, { __tostring = function() return 'shown' end }))
      print((' '):rep(10000))
      print(pcall(print, setmetatable({}, { __tostring = function() error('not shown', 0) end })))
      print(pcall(print, setmetatable({}, { __tostring = function() return {} end })))
      print(select('#', print()))]]
    helpers.assert_prints_as_stock(code)
  end)

  it("writes between what io.write writes, in order", function()
    local box = helpers.box()
    local text = helpers.captured(box)
    box:dostring("for i = 1, 100 do print(i) io.write(i, ' ') io.stdout:write(i, '\\n') end")
    local expected = {}
    for i = 1, 100 do expected[i] = i .. "\n" .. i .. " " .. i .. "\n" end
    assert.equal(table.concat(expected), text())
  end)

  it("calls the box's tostring where stock print does", function()
    local code = "tostring = function() return 'mine' end print(1, {})"
    local box = helpers.box()
    local text = helpers.captured(box)
    -- From Lua 5.4 print no longer asks the global.
    box:dostring(helpers.version < 54 and code or code:gsub("{}", "2"))
    assert.equal(helpers.version < 54 and "mine\tmine\n" or "1\t2\n", text())
  end)

  it("is the box's own to replace, and the host's print stays", function()
    local box, host = helpers.box(), print
    local text = helpers.captured(box)
    box:dostring("local stock = print print = function(...) stock('mine', ...) end print(1)")
    assert.equal("mine\t1\n", text())
    assert.equal(host, print)
  end)
end)
