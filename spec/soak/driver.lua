-- A random driver of the whole public API: `lua spec/soak/driver.lua [operations] [seed]`. It must come to its end without a crash, with
-- each box in the state that the model says. TRACE=1 names each operation before it is done, so that a crash is preceded by its cause;
-- VERBOSE=1 tells what was slow, and at the end what the library has said and how often.
local soak = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")

local function part(name, ...)
  return assert(loadfile(soak.dir .. "driver/" .. name .. ".lua"))(...)
end

local values = part("values", soak)
local model = part("model", soak, values)
local scripts = part("scripts", soak)

-- At most so many operations inside one, each in a callback of the one before or beside it.
local MOST_INSIDE, DEEPEST = 8, 3
local operations = soak.size(2000000)
local tracing, verbose = os.getenv("TRACE"), os.getenv("VERBOSE")
local ops
local inside = 0
local done = {}

function model.act()
  local op = ops.draw()
  done[op[2]] = (done[op[2]] or 0) + 1
  if tracing then io.stderr:write(("  "):rep(model.depth), op[2], "\n") end
  local began = verbose and os.clock()
  op[3]()
  if verbose and os.clock() - began > 0.3 then soak.say("operation %d: %s took %.1f s", model.number, op[2], os.clock() - began) end
end

-- What a callback answers, or raises, once it has done what it does.
local function answer()
  if soak.one_in(8) then error(values.any(), soak.random(3) - 1) end
  if soak.one_in(3) then return model.callback, values.any() end
  return values.any()
end

--- Every function that the host gives to a box is this one.
function model.callback()
  -- A finalizer's turn may come at any allocation of the driver's own: its books are in order only while it asks for something.
  if not model.asking or inside >= MOST_INSIDE or model.depth >= DEEPEST then return end
  model.asking = false
  inside = inside + 1
  model.depth = model.depth + 1
  model.reentered = true
  local ok, message = pcall(model.act)
  model.depth = model.depth - 1
  model.asking = true
  if not ok then
    model.failed("in a callback: %s", tostring(message))
    return
  end
  if soak.one_in(15) then
    -- Whoever has resumed this coroutine goes on with books of its own, and asks for nothing yet.
    model.asking = false
    pcall(coroutine.yield, "inside")
    model.asking = true
  end
  return answer()
end

local streams = part("streams", soak, values, model)
ops = part("ops", soak, values, scripts, model, streams)

local function file(content)
  local path = os.tmpname()
  local f = assert(io.open(path, "wb"))
  f:write(content)
  f:close()
  return path
end

soak.run(function()
  local paths = { file("return ..."), file("#!/usr/bin/lua\nreturn cb(1)"), file("x = = 1"), file(""), file("\27Lua") }
  ops.files { paths[1], paths[2], paths[3], paths[4], paths[5], "/nowhere/at/all", "/", "/dev/null" }
  local before
  local quarter = math.max(1, math.floor(operations / 4))
  for i = 1, operations do
    soak.reseed(i)
    model.number = i
    inside, model.depth, model.reentered, model.asking = 0, 0, false, false
    if tracing then io.stderr:write(i, " ") end
    local ok, message = xpcall(model.act, debug.traceback)
    if not ok then model.failed("%s", message) end
    if model.failures[1] then
      for _, path in ipairs(paths) do os.remove(path) end
      soak.fail(("operation %d: %s"):format(i, table.concat(model.failures, "\n  ")))
    end
    if i == quarter then before = soak.figures() end
  end
  for _, box in ipairs(model.boxes) do model.close(box) end
  model.boxes = {}
  ops.forget()
  streams.close()
  local after = soak.figures()
  for _, path in ipairs(paths) do os.remove(path) end
  if verbose then
    table.sort(model.said, function(a, b) return model.said[a] > model.said[b] end)
    for i = 1, math.min(200, #model.said) do soak.say("%6d %s", model.said[model.said[i]], model.said[i]) end
  end
  soak.say("after a quarter %s", soak.shown(before))
  soak.say("at the end      %s", soak.shown(after))
  -- At a quarter boxes were alive, at the end none is.
  assert(after.files <= before.files and after.threads <= before.threads, "files or threads leak")
  assert(after.resident - before.resident <= 32 * 1024, "resident memory grows")
  soak.done("%d operations, %d boxes, %d soft and %d hard stops, %d errors of %d kinds", operations, model.counts.made,
    model.counts.exhausted, model.counts.killed, model.counts.errors, #model.said)
end)
