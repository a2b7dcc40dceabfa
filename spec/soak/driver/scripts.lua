-- What the driver runs in its boxes. `cb` is the host's callback, which does any operation; v1 to v8 belong to the model and are not
-- touched here. Whatever a script raises is an ordinary error.
local soak = ...

local light = {
  "return ...",
  "return cb(...)",
  "return pcall(cb, ...)",
  "return select('#', ...), select(-1, nil, ...)",
  "local t = {} for i = 1, 50 do t[i] = { i } end return #t",
  "kept = kept or {} kept[#kept % 20 + 1] = { ... } return #kept",
  "kept = nil collectgarbage()",
  "collectgarbage('step') return collectgarbage('count')",
  "error(...)",
  "error({ code = 1, { cb } })",
  "error(setmetatable({}, { __tostring = function() cb() return 'odd' end }))",
  "error(coroutine.create(print))",
  "error(nil)",
  "local t = nil return t.x.y",
  "return ((", "return 1 +* 2", "x = = 1", "\27Lua", "goto nowhere",
  "print(...)", "io.write('some text ', 12, '\\n')", "io.stderr:write('err')", "return io.read('*l')", "return io.read(3, '*n')",
  "for line in io.lines() do last = line end return last", "return io.stdout:seek()", "io.stdout:setvbuf('no') io.write('unbuffered')",
  "io.stdout:close() print('closed')", "return io.type(io.stdin), tostring(io.stdout)", "io.stdout:flush() return io.stdin:read(0)",
  "return os.getenv('HOME'), os.getenv('x')", "return os.clock(), os.time(), os.date('!%c', 0)", "os.exit(7)", "pcall(os.exit, true)",
  "return io.open('/etc/passwd')", "return pcall(dofile, '/etc/passwd')", "return pcall(require, 'nothing')",
  "return loadfile('/dev/null')",
  "return math.random(), math.random(10), math.floor(2.5)", "return ('%5.2f %q %x'):format(1.5, 'q\\n', 255)",
  "return ('one two three'):gsub('%w+', function(w) cb() return w:upper() end)", "return ('x'):rep(1000):find('x-y')",
  "local t = { 3, 1, 2 } table.sort(t, function(a, b) cb() return a < b end) return t",
  "local t = { 5, 2, 8, 1 } table.sort(t) return table.concat(t, ' ')",
  "return function(...) n = (n or 0) + 1 return n, ... end",
  "return cb, print, function() return cb() end",
  "local f = ... if type(f) == 'function' then return f(1, 'two', {}) end",
  "f = ... return f", "return f and f(cb)", "return pcall(f, f)",
  "local co = coroutine.wrap(function(a) cb(a) return coroutine.yield(a) end) return co(1), co(2)",
  "co = coroutine.create(function() while true do cb(coroutine.yield(1)) end end) return coroutine.resume(co)",
  "if co then return coroutine.resume(co) end", "return coroutine.yield(1)", "return pcall(coroutine.resume, co, co)",
  "co2 = coroutine.wrap(function() return co2() end) return co2()",
  "return debug.traceback('here'), tostring({}), tostring(print)",
  "return setmetatable({}, { __index = cb }).field", "local m = setmetatable({}, { __add = cb, __eq = cb, __lt = cb }) return m + m",
  "return getmetatable('').__index == string, _G._G == _G, _VERSION",
  "weak = setmetatable({}, { __mode = 'kv' }) for i = 1, 20 do weak[{}] = {} end return next(weak)",
  "if newproxy then getmetatable(newproxy(true)).__gc = function() cb() end else setmetatable({}, { __gc = function() cb() end }) end",
  "if not newproxy then setmetatable({}, { __gc = function() error('in a finalizer') end }) end collectgarbage()",
  "local ok, e = xpcall(function() error({ 1 }) end, function(e) cb() return e end) return ok, e",
  "return xpcall(cb, function(e) return debug.traceback(type(e)) end)",
  "local l = loadstring or load return (l('return ' .. #tostring(...)))()", "return (load(function() cb() end))",
  "return pcall(string.rep, 'x', 2^40)", "return #('x'):rep(20000)", "local t = {} t[1] = t t.t = { t } return t",
  "local t = {} for i = 1, 200 do t = { t } end return t", "return { cb = cb, inner = { function() end } }, cb",
  "local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end return sum(100)",
  "local s = 0 for i = 1, 1000 do s = s + i % 7 end return s",
  "local function f(n) if n > 0 then return f(n - 1) end return cb() end return f(20)",
  "local t = {} for i = 1, 30 do t['k' .. i] = i end for k in pairs(t) do t[k] = nil end return next(t)",
}

-- A box below a box, kept in `below` between calls; its `cb` goes through both walls.
local nested = {
  "if sandbox then below = sandbox.new(...) below:set('cb', cb) end",
  "if sandbox then below = sandbox.new{ memory = 400000 } below:set('cb', cb) below:opensandbox() return below:status() end",
  "if below then return below:dostring('return cb(...)', ...) end",
  "if below then return pcall(below.dostring, below, 'error(...)', ...) end",
  [[if below then
    return below:dostring('if sandbox then local b = sandbox.new() b:set("cb", cb) return b:dostring("return cb()") end')
  end]],
  "if below then below:set('back', function(...) return cb(...) end) return below:dostring('return back(1)') end",
  "if below then g = below:load('x = (x or 0) + 1 return x, ...') return g and g(...) end",
  "return g and g(g)",
  "if below then below:stdout(io.stdout) below:stdin(io.stdin) below:dostring('print(io.read())') end",
  "if below then below:env(function(n) cb() return n end) return below:dostring('return os.getenv(...)', 'name') end",
  "if below then return below:usage(), below:limits(), below:status() end",
  "if below then below:close() end", "below = nil collectgarbage()",
  "if below then below:set('close', function() below:close() end) return below:dostring('close() return 1') end",
  "return sandbox and sandbox.run('return ...', nil, ...)", "return sandbox and sandbox.run('return cb', {})",
  "if sandbox then local s = sandbox.newstream(function() return cb() end, function(x) cb(x) end) s:write('x') return s:read('*l') end",
  "if sandbox and below then below:stdout(sandbox.newstream(nil, function(x) cb(x) end)) below:dostring('print(1)') end",
  "if below then local co = coroutine.wrap(function() return below:dostring('return cb()') end) return co() end",
  "if below then return below:get('x'), below:get('print'), below:traceback(), tostring(below) end",
  "if sandbox then local b = sandbox.new{ output = 3 } b:stdout(io.stdout) pcall(b.dostring, b, 'print(123456)') return b:status() end",
  "if sandbox then return pcall(sandbox.new, { memory = 3000 }) end",
}

-- Memory that runs out: only in boxes with little of it.
local hungry = {
  "local s = 'x' while true do s = s .. s end",
  "local t = {} while true do t[#t + 1] = {} end",
  "return pcall(function() local s = 'x' while true do s = s .. s end end)",
  "local t = {} for i = 1, 1e7 do t[i] = function() return i end end",
  "return cb(('x'):rep(1e7))",
  "return ('x'):rep(100000), ('y'):rep(100000), ('z'):rep(100000)",
  "hold = {} for i = 1, 1e6 do hold[i] = 'h' .. i end",
  "local co = {} while true do co[#co + 1] = coroutine.wrap(function() coroutine.yield() end) co[#co]() end",
  "for i = 1, 20 do pcall(string.rep, 'x' .. i, 1e5) end return 'lived'",
}

-- What stops a box, and for what it may be stopped then. `options` are set first.
local stops = {
  { "while true do end", { cpu = 0.001 }, "cpu" },
  { "while true do pcall(error) end", { cpu = 0.001 }, "cpu" },
  { "local function f() return cb(), f() end f()", { cpu = 0.002 }, "cpu", "stack" },
  { "coroutine.wrap(function() while true do end end)()", { wall = 0.001 }, "wall" },
  { "while true do io.write('x') end", { output = 10 }, "output" },
  { "while true do cb() end", { wall = 0.002 }, "wall" },
  { "setmetatable({}, { __index = function(t, k) return t[k] end }).x()", { cpu = 5 }, "stack" },
  { "local function f() return (('x'):gsub('x', f)) end return f()", { cpu = 5 }, "stack" },
  { "while true do local s = ('x'):rep(100) .. tostring({}) end", { cpu = 0.001 }, "cpu" },
}

-- Code that stands in one long C call: each costs the 12 ms that a hard stop waits.
local hard = {
  { "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')", { cpu = 0.001 }, "cpu" },
  { "return (('a'):rep(30):gsub(('a?'):rep(30) .. ('a'):rep(30) .. 'b', cb))", { wall = 0.001 }, "wall" },
}

return { light = light, nested = nested, hungry = hungry, stops = stops, hard = hard, jit = soak.is_jit }
