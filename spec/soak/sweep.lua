-- A box's life under budgets that grow by small steps, so that each allocation fails once: `lua spec/soak/sweep.lua [step] [seed]`.
-- Nothing but "not enough memory" may come out; the box works once it has room; and nothing is left behind.
local soak = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = soak.sandbox

local ROOM = 64 * 2 ^ 20
local step = soak.size(16)

local file = assert(io.open(soak.dir .. "sweep-script.lua"))
local script = file:read("*a")
file:close()
local input = "one\ntwo\n\nabc 42 rest of the line\n" .. ("more "):rep(800)
local sink = assert(io.open("/dev/null", "w"))

local function ask(what, how)
  if what == "raise" then error({ thrown = "by the host", list = { 1, 2, 3 } }) end
  local called = how == "call" and what("called")[1] or nil
  return { list = { 1, 2, 3 }, inner = { text = "back" }, called = called }, how
end

-- The script in this box, and the wall crossed from the host's side. Raises what is refused.
local function live(box, round)
  local place = 1
  box:stdin(sandbox.newstream(function()
    local piece = input:sub(place, place + 699)
    place = place + 700
    return piece
  end))
  box:stdout(sink)
  box:stderr(sandbox.newstream(nil, function(s) sink:write(s) end, function() end))
  box:env(function(name) return name == "NAME" and "value" or nil end)
  box:opensandbox()
  box:set("ask", ask)
  box:set("given", { list = { 1, 2, 3 }, text = ("x"):rep(500) })
  local f, message = box:load(script, "=script")
  if not f then error(message, 0) end
  local done = f(round)
  local kept = box:get("kept")
  local first, second = kept.f("from the host ")
  assert(first == "from the host " .. round and #second[1] > 100 and kept.back.list[3] == 3, "what came home is wrong")
  assert(box:get("given").text == ("x"):rep(500), "what was set is wrong")
  assert(box:dostring("return select('#', ...), ...", nil, kept.f, { 1 }) == 3)
  local ok, raised = pcall(box.dostring, box, "error({ list = { 'raised' } })")
  if type(raised) ~= "table" then error(raised, 0) end
  assert(not ok and raised.list[1] == "raised")
  return done
end

local counts = { refused = 0, failed = 0, faults = 0, done = 0 }

-- What a budget came to: true once everything fits.
local function try(budget, round)
  local made, box = pcall(sandbox.new, { memory = budget, cpu = 60 })
  if not made then
    assert(box == "not enough memory", ("new with %d: %s"):format(budget, tostring(box)))
    counts.refused = counts.refused + 1
    return false
  end
  local ok, message = pcall(live, box, round)
  local status, kind = box:status()
  local usage = box:usage()
  assert(usage.memory_peak <= budget, ("%d bytes used of %d"):format(usage.memory_peak, budget))
  if status == "killed" and kind == "fault" and soak.is_jit then
    -- README: memory that runs out in compiled code costs the box on Debian's LuaJIT.
    counts.faults = counts.faults + 1
  else
    assert(status == "ready", ("with %d the box is %s %s: %s"):format(budget, status, tostring(kind), tostring(message)))
    if not ok then
      assert(type(message) == "string" and message:find("not enough memory", 1, true), ("with %d: %s"):format(budget, tostring(message)))
      counts.failed = counts.failed + 1
    end
    -- With room it lives, and holds no more than it does at first.
    if counts.failed % 8 == 1 or ok then
      box:limits { memory = ROOM }
      local fine, later = pcall(live, box, round)
      assert(fine and later == "done", ("with room after %d: %s"):format(budget, tostring(later)))
      box:dostring("kept, given, ask, last, finalized = nil collectgarbage() collectgarbage()")
      counts.most = math.max(counts.most or 0, box:usage().memory)
      counts.least = math.min(counts.least or math.huge, box:usage().memory)
    end
  end
  box:close()
  if ok then
    assert(message == "done", tostring(message))
    counts.done = counts.done + 1
  end
  return ok
end

soak.run(function()
  -- The phase is the seed's: other budgets each time, the same coverage.
  local budget = soak.random(step) - 1
  local before
  local rounds, enough = 0, 0
  repeat
    rounds = rounds + 1
    if try(budget, rounds) then enough = enough + 1 end
    if rounds % 200 == 0 then collectgarbage() end
    if rounds == 150 then before = soak.figures() end
    budget = budget + step
    assert(budget < 8 * 2 ^ 20, "it never succeeds")
  until enough == 5
  local after = soak.figures()
  if before then
    soak.say("after 150 budgets %s", soak.shown(before))
    soak.say("at the end        %s", soak.shown(after))
    soak.assert_flat(before, after, 8 * 1024, 60)
  end
  assert(counts.failed > 20, "failed only " .. counts.failed .. " times")
  soak.say("what a box holds after its script and a collection: %d to %d bytes", counts.least, counts.most)
  assert(counts.most - counts.least < 40 * 1024, "boxes that ran out of memory hold more than others")
  soak.done("budgets up to %d bytes by %d: %d boxes refused, %d calls out of memory, %d faults of LuaJIT, %d done", budget - step, step,
    counts.refused, counts.failed, counts.faults, counts.done)
end)
