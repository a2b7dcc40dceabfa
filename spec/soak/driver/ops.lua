-- The operations that the driver chooses from, with their weights. None of them raises: what the library raises is caught by
-- model.try; an operation that raises is a mistake of the driver's.
local soak, values, scripts, model, streams = ...
local sandbox = soak.sandbox
local random, one_in, pick, unpack = soak.random, soak.one_in, soak.pick, soak.unpack
local try, ask = model.try, model.ask

local MOST_BOXES, MOST_FUNCTIONS, MOST_COROUTINES = 14, 24, 6
local MEMORY = { 0, 3000, 20000, 60000, 100000, 150000, 200000, 300000, 500000, 1000000, 8 * 2 ^ 20, 64 * 2 ^ 20, 1 / 0 }
local SHORT = model.SHORT
local GLOBALS = { "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8" }

-- Functions that boxes gave, and coroutines of the host that do operations.
local functions, coroutines = {}, {}
local METHODS = { "stdin", "stdout", "stderr", "env", "opensandbox", "dofile", "dostring", "load", "get", "set", "limits", "usage",
  "status", "traceback" }
local FILES = {}

local ops = {}

-- A box that is closed or killed is soon forgotten: it has little to say.
local function any_box()
  if not model.boxes[1] then return end
  local index = random(#model.boxes)
  local box = model.boxes[index]
  if (box.closed or box.killed) and one_in(4) then model.forget(index) end
  return box
end

local function keep(list, most, value)
  list[#list < most and #list + 1 or random(most)] = value
end

-- Functions among the results are called later, on.
local function results(ok, ...)
  if not ok then return end
  for i = 1, math.min(select("#", ...), 4) do
    local value = select(i, ...)
    if type(value) == "function" and value ~= model.callback then keep(functions, MOST_FUNCTIONS, value) end
  end
end

local function argument()
  if one_in(6) then return model.callback end
  if one_in(8) and functions[1] then return pick(functions) end
  if one_in(50) then local box = any_box() return box and box.handle end
  if one_in(50) then return streams.any() end
  if one_in(3) then return values.any() end
  return values.plain()
end

local function arguments(most)
  local n = random(most + 1) - 1
  local list = {}
  for i = 1, n do list[i] = argument() end
  return unpack(list, 1, n)
end

local function options()
  if one_in(3) then return nil end
  local given = {}
  if one_in(2) then given.memory = pick(MEMORY) end
  if one_in(4) then given.depth = random(4) - 1 end
  if one_in(4) then given.per = pick { "call", "life" } end
  if one_in(6) then given.cpu = 60 end
  if one_in(6) then given.wall = 60 end
  if one_in(6) then given.output = 1 / 0 end
  return given
end

-- Debian's LuaJIT crashes where a finalizer raises while compiled code is left for the collector; README says so.
local function finalizes(box, code)
  if soak.is_jit and code:find("__gc", 1, true) then model.may_stop(box, "fault") end
end

local function run(box, code, ...)
  finalizes(box, code)
  results(ask(box, "dostring", box.handle.dostring, code, ...))
end

-- Boxes -----------------------------------------------------------------------------------------------------------

local function new()
  if #model.boxes >= MOST_BOXES then
    local index = random(#model.boxes)
    if not one_in(4) then model.close(model.boxes[index]) end
    model.forget(index)
  end
  local box = model.new(options())
  if not box then return end
  try(box.handle.set, box.handle, "cb", model.callback)
  if one_in(2) then try(box.handle.opensandbox, box.handle) end
  model.check(box)
end

local function with_box(f)
  return function()
    local box = any_box()
    if box then f(box) else new() end
  end
end

local function rarely(n, f)
  return function() if one_in(n) then f() end end
end

ops.list = {
  { 5, "new", new },
  { 2, "close", with_box(function(box) model.close(box) model.check(box) end) },
  { 1, "forget", function() if #model.boxes > 4 then model.forget(random(#model.boxes)) end end },
  { 10, "set", with_box(function(box) model.set(box, pick(GLOBALS), values.plain()) end) },
  { 8, "assign", with_box(function(box) model.assign(box, pick(GLOBALS), values.plain()) end) },
  { 12, "get", with_box(function(box) model.get(box, pick(GLOBALS), one_in(2)) end) },
  { 2, "get other", with_box(function(box) results(ask(box, "get", box.handle.get, pick { "cb", "print", "kept", "n", "f", "x" })) end) },
  { 2, "set other", with_box(function(box) ask(box, "set", box.handle.set, pick { "f", "x", "n", "kept", "cb2" }, argument()) end) },
  { 2, "set cb", with_box(function(box) ask(box, "set", box.handle.set, "cb", model.callback) end) },
  { 24, "light", with_box(function(box) run(box, pick(scripts.light), arguments(3)) end) },
  { 12, "nested", with_box(function(box) run(box, pick(scripts.nested), arguments(2)) end) },
  { 1, "dofile", with_box(function(box) results(ask(box, "dofile", box.handle.dofile, pick(FILES), arguments(2))) end) },
  { 3, "load", with_box(function(box)
    local code = pick(scripts.light)
    finalizes(box, code)
    results(ask(box, "load", box.handle.load, code, one_in(2) and values.string() or nil))
  end) },
  { 8, "call", function() if functions[1] then results(try(pick(functions), arguments(3))) end end },
  { 1, "forget functions", rarely(20, function() functions = {} end) },
  { 2, "run", function() results(try(sandbox.run, pick(scripts.light), options(), arguments(3))) end },
  { 3, "usage", with_box(function(box)
    local ok, usage = ask(box, "usage", box.handle.usage)
    if ok and (usage.memory > usage.memory_peak or usage.cpu < 0 or usage.boxes < 0) then
      model.failed("usage: memory %d of %d, cpu %g", usage.memory, usage.memory_peak, usage.cpu)
    end
  end) },
  { 2, "limits", with_box(function(box)
    if one_in(3) then
      local memory = pick(MEMORY)
      box.short = box.short or memory < SHORT
      ask(box, "limits", box.handle.limits, { memory = memory })
    else
      ask(box, "limits", box.handle.limits)
    end
  end) },
  { 2, "revive", with_box(function(box)
    if box.stopping then return end
    local ok = ask(box, "limits", box.handle.limits, { cpu = 60, wall = 1 / 0, output = 1 / 0, per = pick { "life", "call" } })
    if ok and model.check(box) == "exhausted" then model.failed("a box with fresh limits is still exhausted") end
  end) },
  { 4, "status", with_box(model.check) },
  { 1, "traceback", with_box(function(box)
    local ok, text = ask(box, "traceback", box.handle.traceback)
    if ok and text ~= nil and type(text) ~= "string" then model.failed("a traceback is a %s", type(text)) end
  end) },
  { 1, "tostring", with_box(function(box) if not tostring(box.handle):find("^sandbox: 0x%x+$") then model.failed("tostring") end end) },
  { 2, "env", with_box(function(box)
    ask(box, "env", box.handle.env, pick { { HOME = "/", x = 1 }, model.callback, values.any() })
    if one_in(3) then ask(box, "env", box.handle.env) end
  end) },
  { 2, "stream of a box", with_box(function(box)
    local name = pick { "stdin", "stdout", "stderr" }
    if one_in(4) then return ask(box, name, box.handle[name]) end
    ask(box, name, box.handle[name], not one_in(5) and streams.any() or nil)
  end) },
  { 1, "opensandbox", with_box(function(box) ask(box, "opensandbox", box.handle.opensandbox) end) },
  { 6, "stream", streams.act },
  { 2, "collect", function()
    if one_in(30) then collectgarbage() else collectgarbage("step", random(100)) end
  end },
  { 4, "coroutine", function()
    if #coroutines < MOST_COROUTINES or one_in(10) then
      keep(coroutines, MOST_COROUTINES, coroutine.create(function()
        for _ = 1, random(6) do
          model.act()
          coroutine.yield()
        end
      end))
    end
    local ok, what = coroutine.resume(pick(coroutines))
    if ok and what == "inside" then model.suspended = true end
    if not ok and not tostring(what):find("cannot resume", 1, true) then model.failed("a coroutine says %s", tostring(what)) end
  end },
  { 5, "misuse", with_box(function(box)
    local name = pick(METHODS)
    -- Whatever limits were drawn may be reached.
    if name == "limits" then
      model.may_stop(box, "cpu", "wall", "output", "instructions")
      box.short = true
    end
    local list = { n = random(4) - 1 }
    for i = 1, list.n do list[i] = argument() end
    if name == "set" and tostring(list[1]):find("^v%d") then return end
    if name == "dostring" or name == "load" then list[1] = values.string() end
    ask(box, name, box.handle[name], unpack(list, 1, list.n))
  end) },
  { 1, "misuse of the module", function()
    local ok, handle = try(sandbox[pick { "new", "run", "newstream" }], arguments(3))
    -- A limit that was drawn may be too small to do anything with.
    if ok and type(handle) == "userdata" then pcall(handle.close, handle) end
  end },
  { 1, "odd self", function()
    local box = any_box()
    if box then try(box.handle[pick(METHODS)], argument()) end
  end },
  { 1, "hungry", with_box(function(box)
    local ok, limits = ask(box, "limits", box.handle.limits)
    if ok and limits.memory <= 1000000 and one_in(2) then run(box, pick(scripts.hungry)) end
  end) },
  { 1, "stop", with_box(function(box)
    if box.stopping or not one_in(soak.is_jit and 24 or 6) or model.depth > 1 then return end
    local stop = one_in(30) and pick(scripts.hard) or pick(scripts.stops)
    model.may_stop(box, unpack(stop, 3))
    -- On LuaJIT recursion is compiled, too, and a stack that ends there is a crash.
    if stop[3] == "stack" then model.may_stop(box, "fault", "cpu") end
    if ask(box, "limits", box.handle.limits, stop[2]) then
      -- Fresh limits from one of its callbacks would let it go on for a minute.
      box.stopping = true
      local ok = ask(box, "dostring", box.handle.dostring, stop[1])
      box.stopping = false
      if ok and stop[3] ~= "stack" and not model.reentered then model.failed("came back from %s", stop[1]) end
      try(box.handle.limits, box.handle, { cpu = 60, wall = 1 / 0, output = 1 / 0 })
    end
  end) },
}

--- Paths for dofile; made by the driver, removed by it.
function ops.files(paths) FILES = paths end

function ops.forget() functions, coroutines = {}, {} end

local total = 0
for _, op in ipairs(ops.list) do total = total + op[1] end

function ops.draw()
  local n = random(total)
  for _, op in ipairs(ops.list) do
    n = n - op[1]
    if n <= 0 then return op end
  end
end

return ops
