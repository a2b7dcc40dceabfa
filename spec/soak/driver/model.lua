-- What the driver knows of its boxes, and what must hold of them: statuses, closedness, and the globals v1 to v8.
local soak, values = ...
local sandbox = soak.sandbox

-- `turns` counts callbacks: an answer is compared with the books only if no finalizer's callback came between the two.
local model = { boxes = {}, failures = {}, depth = 0, turns = 0, suspended = false, said = {} }
model.counts = { made = 0, exhausted = 0, killed = 0, errors = 0, stale = 0 }

-- A global whose value isn't known: an assignment failed half-way, or may have.
local UNKNOWN = {}

local MOST_SAID = 4000

--- Less memory than this may run out.
model.SHORT = 32 * 2 ^ 20

function model.failed(format, ...)
  model.failures[#model.failures + 1] = format:format(...)
end

--- Judges an error value that came out of the library: a string is looked at, anything else is what some script raised.
local function judge(message)
  model.counts.errors = model.counts.errors + 1
  if type(message) ~= "string" then return end
  if message:find("internal error", 1, true) or message:find("panicked", 1, true) then model.failed("%s", message) end
  -- For the long form: what has been said, without what differs each time.
  local kind = message:sub(1, 200):gsub("[^\n]-%[string [^\n]-%]:%d+: ", ""):gsub("%d+", "N"):gsub("0x%x+", "X")
  if model.said[kind] then
    model.said[kind] = model.said[kind] + 1
  elseif #model.said < MOST_SAID then
    model.said[kind] = 1
    model.said[#model.said + 1] = kind
  end
end

local function judged(before, ok, ...)
  model.asking = before
  if not ok then judge((...)) end
  return ok, ...
end

--- pcall for everything that the driver asks of the library: whatever it raises is an answer.
function model.try(f, ...)
  local before = model.asking
  model.asking = true
  return judged(before, pcall(f, ...))
end

-- Boxes -----------------------------------------------------------------------------------------------------------

--- What the model starts with for a new box.
function model.add(handle, options)
  local box = { handle = handle, globals = {}, closed = false, killed = false, may = {} }
  box.short = options and options.memory and options.memory < model.SHORT
  model.boxes[#model.boxes + 1] = box
  model.counts.made = model.counts.made + 1
  return box
end

function model.new(options)
  local ok, handle = model.try(sandbox.new, options)
  if ok then return model.add(handle, options) end
  local told = tostring(handle)
  if not told:find("not enough memory", 1, true) and not told:find("option", 1, true) and not told:find("bad argument", 1, true) then
    model.failed("sandbox.new says %s", told)
  end
end

function model.close(box)
  box.closing = true
  local ok, message = model.try(box.handle.close, box.handle)
  box.closed = true
  if not ok then model.failed("close raised %s", tostring(message)) end
end

--- Forgets the box at `index`; its handle is collected some time, unless something else holds it.
function model.forget(index)
  local boxes = model.boxes
  boxes[index], boxes[#boxes] = boxes[#boxes], nil
end

--- From now on the box may be stopped for that.
function model.may_stop(box, ...)
  for _, kind in ipairs { ... } do box.may[kind] = true end
end

local function stop_is_due(box, kind)
  if box.may[kind] then return true end
  -- Debian's LuaJIT crashes where memory runs out in compiled code; README says so.
  return soak.is_jit and kind == "fault" and box.short
end

--- Asserts that what the box says of itself is what the model says.
function model.check(box)
  local turns = model.turns
  local ok, status, kind = model.try(box.handle.status, box.handle)
  if turns ~= model.turns then
    model.counts.stale = model.counts.stale + 1
    return model.check(box)
  end
  if not ok then return model.failed("status raised %s", tostring(status)) end
  if box.closing and not box.closed then
    return status
  elseif box.closed or status == "closed" then
    if not box.closed or status ~= "closed" then
      model.failed("the box is %s, but it %s closed", status, box.closed and "was" or "was not")
    end
  elseif status == "running" then
    if model.depth == 0 and not model.suspended then model.failed("a box says running while none does") end
  elseif status == "exhausted" or status == "killed" then
    if not stop_is_due(box, kind) then model.failed("%s %s without a reason", status, tostring(kind)) end
    if box.status ~= status then model.counts[status] = model.counts[status] + 1 end
    box.killed = box.killed or status == "killed"
  elseif status ~= "ready" then
    model.failed("status is %s", tostring(status))
  end
  if box.killed and not box.closed and status ~= "killed" then model.failed("a killed box is %s again", status) end
  box.status = status
  return status
end

-- What works on a closed box, and on a killed one.
local HARMLESS = { status = true, close = true }
local READABLE = { usage = true, limits = true, traceback = true, env = true, stdin = true, stdout = true, stderr = true }

--- Runs `f(handle, ...)` on the box under the model's eyes.
function model.ask(box, what, f, ...)
  local closed, killed = box.closed, box.killed
  local function answered(ok, ...)
    if ok and (closed or killed) and not HARMLESS[what] and (closed or not READABLE[what]) then
      model.failed("%s worked on a box that is %s", what, closed and "closed" or "killed")
    end
    if not ok and closed and not tostring((...)):find("sandbox is closed", 1, true)
      and not tostring((...)):find("bad argument", 1, true) then
      model.failed("%s on a closed box says %s", what, tostring((...)))
    end
    model.check(box)
    return ok, ...
  end
  return answered(model.try(f, box.handle, ...))
end

-- Globals ---------------------------------------------------------------------------------------------------------

-- A callback meanwhile may have set the same: which of the two came last isn't known.
local function note(box, name, value, turns)
  if turns ~= model.turns then value = UNKNOWN end
  box.globals[name] = value
end

function model.set(box, name, value)
  box.globals[name] = UNKNOWN
  local turns = model.turns
  local ok = model.ask(box, "set", box.handle.set, name, value)
  if not ok then value = UNKNOWN end
  note(box, name, value, turns)
end

--- The same by code of the box's own.
function model.assign(box, name, value)
  box.globals[name] = UNKNOWN
  local turns = model.turns
  local ok, first, second = model.ask(box, "dostring", box.handle.dostring, name .. " = ... return ...", value, "end")
  if not ok then return note(box, name, UNKNOWN, turns) end
  note(box, name, value, turns)
  if second ~= "end" or not values.same(first, value) then model.failed("%s came back as %s", tostring(value), tostring(first)) end
end

function model.get(box, name, f)
  local turns = model.turns
  local ok, value
  if f then
    ok, value = model.ask(box, "dostring", box.handle.dostring, "return " .. name)
  else
    ok, value = model.ask(box, "get", box.handle.get, name)
  end
  if not ok or turns ~= model.turns then return end
  local known = box.globals[name]
  if known == UNKNOWN then
    box.globals[name] = value
  elseif not values.same(known, value) then
    model.failed("%s is %s, not %s", name, tostring(value), tostring(known))
  end
end

return model
