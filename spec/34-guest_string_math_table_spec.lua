--- Manual, section 4: string, table, math, utf8, bit32 and bit in a box are as that Lua version has them.

local helpers = require "spec.helpers"

local STRING = {
  "return ('abc'):byte(1, -1)", "return ('abc'):byte(10)", "return string.char(), string.char(65, 66)",
  "return string.char(256)",
  "return ('abc'):sub(2), ('abc'):sub(-2, -1), ('abc'):sub(0), ('abc'):sub(3, 2), ('abc'):sub(-100, 100)",
  "return ('abc'):sub(2^40), ('abc'):sub(-2^40, 2)", "return ('abc'):sub(1.5)", "return ('abc'):sub()",
  "return ('abc'):sub({})",
  "return ('x'):rep(3), ('x'):rep(0), ('x'):rep(-1), (''):rep(10)", "return ('x'):rep(3, ',')", "return ('x'):rep()",
  "return ('AbC'):upper(), ('AbC'):lower(), ('abc'):reverse(), ('abc'):len(), #'a\\0b'",
  "return ('hello world'):find('o w'), ('hello'):find('l'), ('hello'):find('xyz'), ('hello'):find('')",
  "return ('hello'):find('', 10), ('hello'):find('', 6), ('hello'):find('l', -2)",
  "return ('a.b'):find('.', 1, true), ('a.b'):find('%.')",
  "return ('a+b'):find('+', 1, true)", "return ('hello'):find('(l)(l)')", "return ('hello'):find('()l()')",
  "return ('key = value'):match('(%w+)%s*=%s*(%w+)')", "return ('2024-02-29'):match('(%d+)-(%d+)-(%d+)')",
  "return ('[[x]]'):match('%[%[(.-)%]%]')", "return ('f(a(b)c)d'):match('%b()')",
  "return ('THE (quick) fox'):find('%((%a+)%)')",
  "return ('hello'):match('.-(l+)(.*)')", "return ('x'):match('%f[%w]x%f[%W]')", "return ('a\\0b'):match('%z')",
  "return ('  trim  '):match('^%s*(.-)%s*$')", "return ('aaa'):match('a-b'), ('aaab'):match('a-b')",
  "return ('abab'):match('(ab)%1')",
  "return ('x'):match('[]]'), ('-'):match('[a-]'), ('^'):match('[x^]'), (']'):match('[^a]')",
  "return ('x'):match('[a-'), 1", "return ('x'):match('%')", "return ('x'):match('(')", "return ('x'):match(')')",
  "return ('x'):match('%1')", "return ('x'):match('%b')", "return ('x'):match('%f')", "return ('x'):match('[')",
  "return ('a'):rep(100):match(('a?'):rep(50))", "return ('x'):match({})", "return ('x'):find('x', 'y')",
  "local t = {} for k, v in ('a=1, b=2'):gmatch('(%w)=(%w)') do t[k] = v end return t",
  "local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end return n",
  "local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end return t",
  "return ('x'):gmatch('x', 1)()", "return string.gfind and type(string.gfind)",
  "return ('hello'):gsub('l', 'L'), ('hello'):gsub('l', 'L', 1), ('hello'):gsub('', '-')",
  "return ('hello'):gsub('(l)(o)', '%2%1%0%%')",
  "return ('hello'):gsub('.', { h = 'H', e = false, l = 5 })",
  "return ('hello'):gsub('l', function(c) return c:upper() end)",
  "return ('hello'):gsub('l', function() end)", "return ('abc'):gsub('%w', '%%%0')", "return ('abc'):gsub('b', '%2')",
  "return ('abc'):gsub('b', '%x')", "return ('abc'):gsub('b', true)", "return ('abc'):gsub('b', function() return {} end)",
  "return ('abc'):gsub('^a', 'x'), ('aaa'):gsub('^a', 'x')", "return ('abc'):gsub('b', 'x', -1), ('abc'):gsub('b', 'x', 0)",
  "return ('%d %5d %-5d| %05d %+d'):format(1, 2, 3, 4, 5)", "return ('%x %X %o %c %i %u'):format(255, 255, 8, 65, 7, 9)",
  "return ('%f %.2f %10.3f %e %.3E %g %G'):format(1, 2.345, 3, 12345, 0.00012, 1e20, 1e-10)", "return ('%a'):format(1)",
  "return ('%s %10s %-10s| %.2s'):format('a', 'b', 'c', 'def')", "return ('%q'):format('a\\n\"b\"\\\\ \\0 \\r \\t')",
  "return ('%q'):format(1), ('%q'):format(1.5)",  "return ('%s %s %s'):format(nil, true, 1.5)",
  "return ('%s'):format(setmetatable({}, { __tostring = function() return 'mine' end }))", "return ('%d'):format(1.5)",
  "return ('%d'):format('10'), ('%s'):format(10)", "return ('%d'):format('x')", "return ('%d'):format()",
  "return ('%y'):format(1)",
  "return ('%'):format()", "return ('%0100d'):format(1)", "return ('%99.99f'):format(1/3)", "return ('%.100f'):format(1)",
  "return ('%%'):format(), ('%5%'):format()", "return ('%s'):format(('x'):rep(1000)):len()", "return ('%.3q'):format('x')",
  "return ('%d %s'):format(2^53, 2^53), ('%.0f'):format(2^63), ('%g %g %g'):format(1/0, -1/0, 0/0):gsub('-nan', 'nan')",
  "return ('x'):nosuch()", "return ('x').len, ('x')[1]",
  "return type(string.dump(function() end)), pcall(string.dump, print)",
  "return string.pack and string.pack('<i4 >i2 z s1 d', 1, 2, 'zero', 'str', 1.5):byte(1, -1)",
  "return string.unpack and string.unpack('<i4 z', '\\1\\0\\0\\0abc\\0'), string.packsize and string.packsize('i4 i8 d')",
  "return string.pack and string.pack('i17', 1)", "return string.unpack and string.unpack('s4', 'x')",
  "return string.pack and string.pack('Xi', 1)",
  "return 'a' < 'b', 'a' < 'B', '' < 'a', 'a\\0a' < 'a\\0b', 'Z' < 'a', 'ab' <= 'ab'", "return ('a'):upper(1, 2, 3)",
}

-- LuaJIT quotes what tostring gives, an address.
if not helpers.is_jit then STRING[#STRING + 1] = "return ('%q'):format({})" end

local TABLE = {
  "local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0) return t", "return table.insert({}, 5, 1)",
  "return table.insert({})",
  "return table.insert({}, 1, 2, 3)", "return table.insert(5, 1)", "return table.insert({ 1, 2 }, 'x', 3)",
  "local t = { 1, 2, 3 } return table.remove(t), table.remove(t, 1), t, table.remove({}), table.remove({}, 0)",
  "return table.remove({ 1, 2, 3 }, 7)", "return table.remove({ 1, 2, 3 }, 4)",
  "return table.concat({ 1, 'b', 2.5 }, ', '), table.concat({}), table.concat({ 1, 2, 3 }, '-', 2), table.concat({ 1, 2, 3 }, '', 2, 3)",
  "return table.concat({ 1, {}, 3 })", "return table.concat({ 1, 2 }, '', 1, 5)", "return table.concat({}, {}, 1)",
  "local t = { 3, 1, 2 } table.sort(t) return t",
  "local t = { 'b', 'a', 'c' } table.sort(t, function(a, b) return a > b end) return t",
  "return table.sort({ 1, 'x' })", "return table.sort({ 1, 2, 3 }, 5)",
  "return table.sort({ 3, 2, 1 }, function() error('cmp') end)",
  "local t = {} for i = 1, 500 do t[i] = i * 7919 % 503 end table.sort(t) " ..
    "for i = 2, 500 do assert(t[i - 1] <= t[i]) end return t[1], t[500]",
  "return table.unpack and table.unpack({ 1, 2, 3 }, 2, 3)", "return table.pack and table.pack(1, nil, 3)",
  "return table.pack and table.pack().n",
  "return table.move and table.move({ 1, 2, 3 }, 2, 3, 1), table.move and table.move({ 1, 2 }, 1, 2, 3, {})",
  "return table.maxn and table.maxn({ 1, 2, [10] = 3, [2.5] = 1 })", "return table.getn and table.getn({ 1, 2 })",
  "return table.foreach and table.foreach({ 1 }, function(k, v) return k + v end)",
  "return table.foreachi and table.foreachi({ 5 }, type)",
  "return table.setn and pcall(table.setn, {}, 1)",
  "local t = {} for i = 1, 10 do t[i] = i end for i = 1, 5 do t[i] = nil end return next(t) ~= nil",
  "local t = setmetatable({}, { __len = function() return 3 end, __index = function(_, i) return i * 10 end }) " ..
    "return #t, table.concat(t, ',')",
  "local t = setmetatable({ 1, 2 }, { __newindex = error }) return pcall(table.insert, t, 3)",
  "return #{ 1, 2, nil, 4 } >= 2, #{ n = 1 }",
  "local t = { 1, 2, 3 } for k in pairs(t) do t[k] = nil end return next(t)",
  "return next({ [1.0] = 'a', [2^53] = 'b' })", "local t = {} t[0/0] = 1", "local t = {} t[nil] = 1",
  "local t = {} return t[0/0], t[nil]",
}

local MATH = {
  "return math.floor(2.5), math.floor(-2.5), math.ceil(2.5), math.ceil(-2.5), math.floor(7), math.floor(1e100)",
  "return math.abs(-3), math.abs(-2.5)",
  "return math.max(1, 3, 2), math.min(1, 3, 2), math.max(1, 2.5)", "return math.max()", "return math.min('x')",
  "return math.sqrt(2), math.sqrt(-1) ~= math.sqrt(-1), math.exp(1), math.log(10), math.log(8, 2), math.log(100, 10)",
  "return math.log10 and math.log10(1000)",
  "return math.sin(1), math.cos(1), math.tan(1), math.asin(0.5), math.acos(0.5), math.atan(1), math.pi",
  "return math.atan(1, 2), math.atan2 and math.atan2(1, 2), math.pow and math.pow(2, 10), " ..
    "math.cosh and math.cosh(1), math.sinh and math.sinh(1)",
  "return math.tanh and math.tanh(1), math.frexp and math.frexp(10), math.ldexp and math.ldexp(0.5, 3), math.deg(math.pi), math.rad(180)",
  "return math.fmod(7, 3), math.fmod(-7, 3), math.fmod(7.5, 2), math.modf(3.7), math.modf(-3.7), math.modf(1/0)",
  "return math.fmod(1, 0)",
  "return math.mod and math.mod(7, 3)", "return math.huge, -math.huge, math.maxinteger, math.mininteger",
  "return math.type and math.type(1), math.type and math.type(1.0), math.type and math.type('1')",
  "return math.tointeger and math.tointeger(3.0)",
  "return math.tointeger and math.tointeger('8'), math.tointeger and math.tointeger(3.5)",
  "return math.ult and math.ult(1, -1)",
  "return math.type and math.type()", "return math.floor({})", "return math.floor('3.7'), math.floor(-0.0)",
  "return 1e308 * 10, -1e308 * 10, 5 % 3, -5 % 3, 5 % -3, 5.5 % 2, 2^0.5, 10 / 3", "return 5 % 0",
  "return 0x7fffffffffffffff + 1 < 0",
  "return 7 // 2, -7 // 2, 7 // 2.0, 1e15 // 1", "return 3 & 5, 3 | 5, 3 ~ 5, ~0, 1 << 63, 1 << 64, -1 >> 1, 2.0 & 3",
  "return 2.5 | 1",
  "return math.random(0) ~= nil", "return math.random(2, 1)", "return math.random(1, 2, 3)", "return math.random({})",
  "return pcall(math.randomseed, {})", "local x = math.random() return x >= 0 and x < 1",
  "for i = 1, 1000 do local x = math.random(6) assert(x >= 1 and x <= 6 and x % 1 == 0) end return 'in range'",
  "for i = 1, 1000 do local x = math.random(-3, 3) assert(x >= -3 and x <= 3) end return 'in range'",
  "return math.random(5, 5)",
}

local BITS = {
  "return utf8.char(72, 228, 8364, 128512), utf8.charpattern",
  "return utf8.len('h\\195\\164\\226\\130\\172'), utf8.len('\\255')",
  "return utf8.codepoint('h\\195\\164', 1, -1)", "return utf8.codepoint('\\255')",
  "return utf8.offset('a\\195\\164b', 3), utf8.offset('abc', 5)",
  "local t = {} for p, c in utf8.codes('a\\195\\164b') do t[#t + 1] = p .. ':' .. c end return t",
  "for p, c in utf8.codes('a\\255') do end",
  "return utf8.char(-1)", "return utf8.char(0x7fffffff)", "return utf8.len('abc', 5)", "return utf8.codepoint('abc', 4)",
  "return bit32.band(0xff, 0x0f), bit32.bor(1, 2), bit32.bxor(3, 5), bit32.bnot(0)",
  "return bit32.lshift(1, 31), bit32.rshift(-1, 28), bit32.arshift(-8, 1)",
  "return bit32.extract(0xabcd, 4, 8), bit32.replace(0, 0xff, 8, 8), bit32.lrotate(1, 33), bit32.rrotate(1, 1), bit32.btest(1, 2)",
  "return bit32.extract(1, 32)", "return bit32.band('x')", "return bit32.band(1.5), bit32.band(2^33 + 1)",
  "return bit.band(0xff, 0x0f), bit.bor(1, 2), bit.bxor(3, 5), bit.bnot(0), bit.tobit(2^32 + 5)",
  "return bit.tohex(255), bit.tohex(-1, -4), bit.bswap(1)",
  "return bit.lshift(1, 31), bit.rshift(-1, 28), bit.arshift(-8, 1), bit.rol(1, 33), bit.ror(1, 1)", "return bit.band('x')",
}

local NAMES = [[
  local t, names = %s, {}
  if type(t) ~= "table" then return type(t) end
  for k in pairs(t) do names[#names + 1] = tostring(k) end
  table.sort(names)
  return table.concat(names, " ")]]

describe("the pure libraries of a box", function()
  after_each(helpers.tidy)

  for name, snippets in pairs { string = STRING, table = TABLE, math = MATH, ["utf8, bit32 and bit"] = BITS } do
    it("do what the stock ones do: " .. name, function() helpers.assert_as_stock(snippets) end)
  end

  it("have the names that this Lua has", function()
    local snippets = {}
    for _, library in ipairs { "string", "table", "math", "coroutine", "utf8", "bit32", "bit" } do
      snippets[#snippets + 1] = NAMES:format(library)
    end
    helpers.assert_as_stock(snippets)
  end)
end)

describe("random numbers in a box", function()
  after_each(helpers.tidy)

  local DRAW = "local t = {} for i = 1, 20 do t[i] = math.random(1, 1000000) end return table.concat(t, ' ')"

  it("repeat after the same seed, in every box alike", function()
    local a, b = helpers.box(), helpers.box()
    a:dostring("math.randomseed(42)")
    b:dostring("math.randomseed(42)")
    local first = a:dostring(DRAW)
    assert.equal(first, b:dostring(DRAW))
    a:dostring("math.randomseed(42)")
    assert.equal(first, a:dostring(DRAW))
    a:dostring("math.randomseed(43)")
    assert.is_not.equal(first, a:dostring(DRAW))
  end)

  it("neither read nor disturb the host's, nor another box's", function()
    local host = (loadstring or load)(DRAW)
    math.randomseed(7)
    local expected = host()
    math.randomseed(7)
    local a, b = helpers.box(), helpers.box()
    b:dostring("math.randomseed(1)")
    local undisturbed = b:dostring(DRAW)
    b:dostring("math.randomseed(1)")
    a:dostring("math.randomseed(99) " .. DRAW)
    assert.equal(undisturbed, b:dostring(DRAW))
    assert.equal(expected, host())
  end)

  it("are spread over the range", function()
    assert.is_true(helpers.box():dostring([[
      local seen, n = {}, 0
      for i = 1, 2000 do
        local x = math.random(1, 10)
        if not seen[x] then seen[x] = true n = n + 1 end
      end
      return n == 10]]))
  end)
end)

describe("what a box does to its own libraries", function()
  after_each(helpers.tidy)

  it("stays in the box", function()
    local box = helpers.box()
    box:dostring([[
      string.upper = function() return "poisoned" end
      table.concat, math.floor, pairs, type = nil, nil, nil, nil
      getmetatable("").__index = function() return function() return "poisoned" end end
      getmetatable("").__add = function() return "poisoned" end
      setmetatable(_G, { __index = function() return "poisoned" end })]])
    assert.equal("poisoned", box:dostring("return ('x'):lower()"))
    assert.equal("X", ("x"):upper())
    assert.equal("x", ("X"):lower())
    assert.equal(2, math.floor(2.5))
    local other = helpers.box()
    assert.equal("X", other:dostring("return ('x'):upper()"))
    assert.is_nil(other:dostring("return undefined_name"))
    assert.equal("ready", (box:status()))
  end)
end)
