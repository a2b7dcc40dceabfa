--- Manual, section 4: coroutines in a box are as that Lua version has them.

local helpers = require "spec.helpers"

local SNIPPETS = {
  "return type(coroutine.create(print)), coroutine.create()", "return coroutine.create(5)", "return coroutine.wrap({})",
  "return coroutine.resume(5)", "return coroutine.resume()", "return coroutine.status(5)", "return coroutine.status()",
  "return coroutine.resume(coroutine.create(function(...) return select('#', ...), ... end), 1, nil, 3)",
  "local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) local c = coroutine.yield(b * 2) return c, 'end' end) " ..
    "local t = {} for _, v in ipairs({ 1, 10, 100, 1000 }) do t[#t + 1] = { coroutine.resume(co, v) } end return t, coroutine.status(co)",
  "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return co(), co(), co(), co()",
  "local co = coroutine.wrap(function() return 1 end) co() return co()",
  "local co = coroutine.wrap(function() error('inside') end) return co()",
  "local co = coroutine.wrap(function() error({ 1 }) end) return co()",
  "local co = coroutine.wrap(function() error('level', 2) end) return co()",
  "local co = coroutine.wrap(function() error() end) return co()",
  "return coroutine.resume(coroutine.create(function() error('x') end))",
  "return coroutine.resume(coroutine.create(function() error({ 5 }) end))",
  "return coroutine.resume(coroutine.create(function() local x = nil + 1 end))",
  "local co = coroutine.create(function() end) coroutine.resume(co) return coroutine.resume(co), coroutine.status(co)",
  "local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)",
  "local co co = coroutine.wrap(function() return co() end) return co()",
  "local co co = coroutine.create(function() return coroutine.status(co) end) return coroutine.resume(co)",
  "local outer outer = coroutine.create(function() return coroutine.resume(coroutine.create(function() " ..
    "return coroutine.status(outer) end)) end) return coroutine.resume(outer)",
  "return coroutine.status(coroutine.create(print))",
  "local co = coroutine.create(coroutine.yield) return coroutine.resume(co, 1, 2), coroutine.status(co)",
  "coroutine.yield(1)", "return pcall(coroutine.yield, 1)", "coroutine.wrap(coroutine.yield)()",
  "local r, main = coroutine.running() return type(r), main", "return coroutine.isyieldable and coroutine.isyieldable()",
  "return coroutine.wrap(function() local r, main = coroutine.running() return type(r), main, " ..
    "coroutine.isyieldable and coroutine.isyieldable() end)()",
  "local co co = coroutine.create(function() return coroutine.running() == co end) return coroutine.resume(co)",
  "return coroutine.isyieldable and coroutine.isyieldable(coroutine.create(print))",
  "return coroutine.resume(coroutine.running())", "return coroutine.status((coroutine.running()))",
  "return coroutine.wrap(function() return pcall(function() return coroutine.yield(1) end) end)()",
  "local co = coroutine.wrap(function() return pcall(function() coroutine.yield(1) error('after', 0) end) end) return co(), co()",
  "local co = coroutine.wrap(function() return xpcall(function() coroutine.yield(1) error('after', 0) end, " ..
    "function(m) return 'h' .. m end) end) return co(), co()",
  "local co = coroutine.wrap(function() for k in function() return coroutine.yield(1) end do end return 'done' end) return co(), co()",
  "local co = coroutine.wrap(function() table.sort({ 2, 1 }, function() coroutine.yield(1) end) end) return co()",
  "local co = coroutine.wrap(function() return (('a'):gsub('a', function() coroutine.yield(1) end)) end) return co()",
  "local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end }) " ..
    "local co = coroutine.wrap(function() return t.x end) return co(), co(5)",
  "local t = setmetatable({}, { __add = function() return coroutine.yield('add') end }) " ..
    "local co = coroutine.wrap(function() return t + t end) return co(), co(5)",
  "local t = setmetatable({}, { __lt = function() return coroutine.yield('lt') end }) " ..
    "local co = coroutine.wrap(function() return t < t end) return co(), co(5)",
  "local t = setmetatable({}, { __concat = function() return coroutine.yield('cat') end }) " ..
    "local co = coroutine.wrap(function() return t .. 'x' .. t end) return co(), co(5), co(6)",
  "local t = setmetatable({}, { __call = function(_, x) return coroutine.yield(x) end }) return coroutine.wrap(t)(7)",
  "local co = coroutine.wrap(function() return (load or loadstring)(function() coroutine.yield('r') end) end) return co()",
  "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) " ..
    "if coroutine.close then return coroutine.close(co), coroutine.status(co) end",
  "if coroutine.close then return coroutine.close(coroutine.create(print)) end",
  "if coroutine.close then local co = coroutine.create(error) coroutine.resume(co, 'x') return coroutine.close(co) end",
  "if coroutine.close then return coroutine.close(coroutine.running()) end",
  "if coroutine.close then return coroutine.wrap(function() return pcall(coroutine.close, (coroutine.running())) end)() end",
  "return load and load(\"local log = {} local co = coroutine.create(function() local x <close> = setmetatable({}, " ..
    "{ __close = function(_, e) log[#log + 1] = tostring(e) end }) coroutine.yield(1) end) coroutine.resume(co) " ..
    "local ok = coroutine.close(co) return ok, log[1]\")",
  "local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end " ..
    "local s = 0 for i in gen(1000) do s = s + i end return s",
  "local function perms(a, n) n = n or #a if n <= 1 then coroutine.yield(a[1] .. a[2] .. a[3]) else for i = 1, n do " ..
    "a[n], a[i] = a[i], a[n] perms(a, n - 1) a[n], a[i] = a[i], a[n] end end end local s = '' " ..
    "for p in coroutine.wrap(function() perms({ 'a', 'b', 'c' }) end) do s = s .. p .. ' ' end return s",
  "local co = coroutine.wrap(function(...) return select('#', coroutine.yield(...)) end) " ..
    "return select('#', co(nil, nil)), co(nil, nil, nil)",
  "local n = 0 local cos = {} for i = 1, 500 do cos[i] = coroutine.wrap(function() " ..
    "while true do n = n + 1 coroutine.yield() end end) end for round = 1, 3 do for i = 1, 500 do cos[i]() end end return n",
  "local function nest(n) if n == 0 then return 'bottom' end return coroutine.wrap(nest)(n - 1) end return nest(50)",
  "local weak = setmetatable({}, { __mode = 'v' }) weak[1] = coroutine.create(print) collectgarbage() collectgarbage() return #weak",
  "return getfenv and coroutine.wrap(function() return getfenv(0) == _G end)()",
}

describe("coroutines in a box", function()
  after_each(helpers.tidy)

  it("do what stock ones do", function()
    helpers.assert_as_stock(SNIPPETS)
  end)

  it("do so inside a coroutine too", function()
    local wrapped = {}
    for i, snippet in ipairs(SNIPPETS) do
      wrapped[i] = "return coroutine.wrap(function() " .. snippet .. " end)()"
    end
    helpers.assert_as_stock(wrapped)
  end)

  it("stay suspended between calls from the host", function()
    local box = helpers.box()
    box:dostring("co = coroutine.create(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end)")
    for i = 1, 100 do
      assert.equal(i, box:dostring("local _, n = coroutine.resume(co) collectgarbage() return n"))
      assert.equal("suspended", box:dostring("return coroutine.status(co)"))
    end
  end)

  it("stay suspended when an error ends the call that resumed them", function()
    local box = helpers.box()
    box:dostring("co = coroutine.wrap(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end)")
    assert.is_false(pcall(box.dostring, box, "co() error('x')"))
    assert.equal(2, box:dostring("return co()"))
  end)

  it("call the host from within, and are called from the host", function()
    local box = helpers.box()
    box:set("double", function(n) return 2 * n end)
    assert.equal(42, box:dostring("return coroutine.wrap(function() return double(21) end)()"))
    local ok, message = box:dostring([[
      return coroutine.resume(coroutine.create(function() return fail() end))]])
    assert.is_false(ok)
    assert.is_string(message)
    local step = box:dostring("return coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)")
    assert.equal(1, step())
    assert.equal(2, step())
    assert.equal(3, step())
  end)

  it("can't yield across the host's function", function()
    local box = helpers.box()
    box:set("call", function(f) return f() end)
    local ok, message = box:dostring([[
      return coroutine.resume(coroutine.create(function() return call(function() coroutine.yield(1) end) end))]])
    assert.is_false(ok)
    assert.is_string(message)
    assert.equal("ready", (box:status()))
  end)

  it("raise in the host what they raise in the box", function()
    local box = helpers.box()
    helpers.raises(function() box:dostring("coroutine.wrap(function() error('from a coroutine', 0) end)()") end,
      "from a coroutine")
    helpers.raises(function() box:dostring("coroutine.yield(1)") end, "attempt to yield")
  end)

  it("may be many, within the memory", function()
    local box = helpers.box { memory = 32 * helpers.MiB }
    assert.equal(5000, box:dostring([[
      local all = {}
      for i = 1, 5000 do all[i] = coroutine.create(function() coroutine.yield() end) coroutine.resume(all[i]) end
      return #all]]))
    helpers.raises(function()
      box:dostring("all = {} while true do all[#all + 1] = coroutine.create(function() end) end")
    end, "not enough memory")
  end)
end)
