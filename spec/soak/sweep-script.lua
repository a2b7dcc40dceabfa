-- What the memory sweep runs in its boxes: it touches every library that the box has, and crosses the wall both ways. Loops are short,
-- so that LuaJIT compiles none of them. Whatever is refused is raised; returns "done".
local round = ...
-- luacheck: ignore 111 112 113 (globals of the box)
local unpack = table.unpack or unpack
local compile = loadstring or load

local function check(...)
  -- A message handler that runs out of memory itself is told of in other words by every stock Lua.
  local ok, message = ...
  if not ok then
    if message == "error in error handling" then message = "not enough memory" end
    error(message, 0)
  end
  return ...
end

-- base, table, coroutine
local t = {}
for i = 1, 40 do t[i] = { i, name = "item " .. i, get = function() return t[i] end } end
table.sort(t, function(a, b) return a[1] > b[1] end)
table.insert(t, 1, table.remove(t))
local names = {}
for i, item in ipairs(t) do names[i] = item.name end
local joined = table.concat(names, ",")
check(select("#", unpack(names)) == 40, "unpack")
if table.pack then check(table.pack(1, 2).n == 2, "pack") end
if table.move then check(table.move(names, 1, 40, 41, {})[80] == names[40], "move") end
local object = setmetatable({}, { __index = function(_, k) return k .. "!" end, __call = function(_, x) return { x } end,
  __tostring = function() return "object " .. #t end, __concat = function() return "joined" end })
check(object.key == "key!" and object(1)[1] == 1 and tostring(object):find("object") and object .. "x" == "joined", "metamethods")
check(rawget(object, "key") == nil and rawequal(t, t) and next({ 1 }) == 1 and tonumber("0x10") == 16, "raw access")
local weak = setmetatable({}, { __mode = "k" })
for i = 1, 20 do weak[{}] = { i } end
if newproxy then getmetatable(newproxy(true)).__gc = function() finalized = true end
else setmetatable({}, { __gc = function() finalized = {} end }) end
collectgarbage()
if setfenv then check(setfenv(function() return own end, { own = 1 })() == 1, "setfenv") end
local co = coroutine.create(function(a)
  local inner = coroutine.wrap(function() coroutine.yield({ a }) return "inner" end)
  inner()
  local b = coroutine.yield(inner())
  error({ b })
end)
check(select(2, check(coroutine.resume(co, 1))) == "inner", "coroutine")
local resumed, raised = coroutine.resume(co, "b")
if type(raised) ~= "table" then check(resumed, raised) end
check(coroutine.status(co) == "dead" and coroutine.running ~= nil, "coroutine")
if coroutine.close then coroutine.close(co) end
local suspended = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
suspended()

-- string, utf8, math, bit32, bit
local changed = joined:gsub("%a+ (%d+)", function(n) return "<" .. n .. ">" end):gsub("<", { ["<"] = "(" }):upper():reverse():lower()
check(#changed > 100 and changed:find("(", 1, true) and joined:match("(%d+),item (%d+)"), "string")
for word in joined:gmatch("%a+") do check(word == "item", word) end
check(#("%5.2f %q %s %x"):format(1.5, "q\n", tostring(object), 255) > 15 and ("x"):rep(3000, ","):byte(-1), "format")
check(string.char(unpack({ ("some bytes"):byte(1, -1) })) == "some bytes", "bytes")
if string.pack then check(select(2, string.unpack("z i8", string.pack("z i8", joined, 7))) == 7, "string.pack") end
if utf8 then
  local text = utf8.char(228, 8364, 65)
  for _, c in utf8.codes(text) do check(c > 0, "utf8") end
  check(utf8.len(text) == 3, "utf8")
end
check(math.floor(math.random(10)) >= 1 and math.max(1, 2) == 2 and tostring(math.sin(0.5)), "math")
if bit32 then check(bit32.band(7, 10) == 2, "bit32") end
if bit then check(bit.tohex(255) == "000000ff", "bit") end

-- compiling
local code = "local a, b = ... local function g(...) return { ... } end return #g(a, b, 'x'), [[" .. joined .. "]]"
local f = check(compile(code, "=compiled"))
check(f(1, 2) == 3, "compiled")
local parts = { "return", " 7 --[[", joined, "]]" }
check(check(load(function() return table.remove(parts, 1) end))() == 7, "load")
local bad, message = compile("x = = 1", "=bad")
check(bad == nil, "compiled")
if not message:find("unexpected", 1, true) then error(message, 0) end

-- os, package, debug
check(os.getenv("NAME") == "value" and os.getenv("OTHER") == nil and os.clock() and os.time() and os.difftime(2, 1) == 1, "os")
check(os.date("!%Y-%m-%d", 0) == "1970-01-01" and os.date("*t", 0).month and os.time({ year = 2001, month = 9, day = 9 }), "os.date")
check(require("string") == string and package.loaded.math == math, "package")
local found, missing = pcall(require, "nothing")
if found or not missing:find("nothing", 1, true) then error(missing, 0) end

-- streams
for line in io.lines() do last = line if #line == 0 then break end end
check(last == "", "lines")
local a, b, c = io.read(3, "*n", "*l")
if a == nil then check(a, b) end
check(a == "abc" and b == 42 and #io.read("*a") > 3000, c)
check(io.write("written ", 12, " ", 1.5, "\n"))
print(t[1].name, object, nil, true)
check(io.stderr:write(joined))
check(io.stdout:flush())
check(io.type(io.stdout) == "file" and tostring(io.stdin):find("file"), "io.type")

-- errors
local function deep(n) if n == 0 then error({ n }) end return (deep(n - 1)) end
local ok, e = pcall(deep, 20)
if type(e) ~= "table" then check(ok, e) end
local fine, text = xpcall(function() deep(10) end, function(m) return debug.traceback(type(m)) end)
if fine or not tostring(text):find("table", 1, true) then check(false, text) end

-- across the wall
local got, home = ask({ 1, { 2 }, key = "value", joined, unpack(names) }, print)
check(got.list[3] == 3 and got.inner.text == "back" and home == print, "ask")
check(ask(function(x) return { x } end, "call").called == "called", "ask")
local raises, thrown = pcall(ask, "raise")
if type(thrown) ~= "table" then check(raises, thrown) end
check(thrown.thrown == "by the host", "ask")
kept = { back = got, f = function(x) return x .. round, { joined } end }

-- a box below
local below = sandbox.new()
below:set("t", { 1, { 2 }, f = function(x) return x + 1 end })
below:set("ask", ask)
below:stdout(io.stdout)
below:stdin(sandbox.newstream(function() return "from above\n" end))
below:env({ NAME = "below" })
check(below:dostring("local n = t.f(1) print(io.read(), os.getenv('NAME')) x = { ask({ n }) } return n", joined) == 2, "below")
local lives, complaint = pcall(below.dostring, below, "error({ 'below' })")
if type(complaint) ~= "table" then check(lives, complaint) end
check(check(below:load("return ...", "=loaded"))({ joined })[1] == joined and below:get("x")[1].list[1] == 1, "load")
check(below:usage().memory > 0 and below:limits().cpu and below:status() == "ready", "usage")
below:close()
check(sandbox.run("return ...", nil, joined) == joined, "run")
return "done"
