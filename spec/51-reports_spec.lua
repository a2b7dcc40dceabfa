--- Manual, sections 2 and 3: box:usage, box:status and box:traceback are right after every way in which a call can end,
-- and while it runs, for the box and for those above and below. Messages begin with the position where it is known.
-- Code in a box can't forge any of it.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

local LONG_C_CALL = "return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))"
local SPEND = "local stop = os.clock() + 0.03 while os.clock() < stop do end io.write('12345') "

--- Asserts that the traceback is of an error with this message, and names each of these functions; none of the host's.
local function assert_traceback(traceback, message, ...)
  assert.is_string(traceback)
  assert.equal(message, traceback:sub(1, #message))
  for _, name in ipairs { ... } do assert.is_truthy(traceback:find(name, 1, true), name .. " is not in " .. traceback) end
  assert.is_nil(traceback:find("_spec.lua", 1, true), "the host's stack shows")
end

describe("reports", function()
  after_each(helpers.tidy)

  --- Asserts what usage says of a box that has run SPEND so many times and no more.
  local function assert_usage(box, times)
    local usage = box:usage()
    assert.is_true(usage.cpu >= 0.027 * times and usage.cpu < 0.03 * times + 0.5, "cpu is " .. usage.cpu)
    assert.is_true(usage.wall >= 0.027 * times and usage.wall < 30, "wall is " .. usage.wall)
    assert.equal(5 * times, usage.output)
    assert.is_true(usage.memory_peak >= usage.memory)
    return usage
  end

  it("after success", function()
    local box = helpers.box { cpu = 5 }
    box:dostring(SPEND)
    local usage = assert_usage(box, 1)
    assert.is_true(usage.memory > 1000)
    assert.equal(0, usage.boxes)
    assert.is_nil(usage.exit)
    assert.same({ "ready" }, { box:status() })
    assert.is_nil(box:traceback())
  end)

  it("after an error", function()
    local box = helpers.box { cpu = 5 }
    box:dostring(SPEND)
    local message = raises(function()
      box:dostring(SPEND .. "\nlocal function culprit()\nerror('oh') end\nfunction caller() culprit() end caller()")
    end, ":3: oh")
    assert_usage(box, 2)
    assert.same({ "ready" }, { box:status() })
    assert_traceback(box:traceback(), message, "culprit", "caller")
    -- It stays the last error's until there is another.
    box:dostring(SPEND)
    assert_traceback(box:traceback(), message, "culprit", "caller")
    pcall(box.dostring, box, "function second() error('new') end second()")
    assert_traceback(box:traceback(), "[string \"function second() error('new') end second()\"]:1: new", "second")
    -- What is caught inside is no error of the call's.
    box:dostring("pcall(error, 'inside')")
    assert_traceback(box:traceback(), "[string \"function second() error('new') end second()\"]:1: new")
    -- Neither is a refused argument: no code ran.
    pcall(box.dostring, box, {})
    assert_traceback(box:traceback(), "[string \"function second() error('new') end second()\"]:1: new")
  end)

  it("after an error that is no string, one of syntax, and one for want of memory", function()
    local box = helpers.box { cpu = 5, memory = 4 * helpers.MiB }
    pcall(box.dostring, box, "function first() error({}) end first()")
    assert_traceback(box:traceback(), "(error object is a table value)", "first")
    local message = raises(function() box:dostring("x = = 1") end)
    assert_traceback(box:traceback(), message)
    assert.is_nil(box:traceback():find("first", 1, true))
    pcall(box.dostring, box, "first()")
    assert_traceback(box:traceback(), "(error object is a table value)", "first")
    message = raises(function() box:dostring("return ('x'):rep(2^24)") end, "not enough memory")
    -- Lua calls no handler when it has no memory, so there may be no more than the message.
    assert_traceback(box:traceback(), message)
    assert.is_nil(box:traceback():find("first", 1, true), "an older error's traceback")
    assert.same({ "ready" }, { box:status() })
  end)

  helpers.it_unless(helpers.no_soft_stop, "after a soft stop", function()
    local box = helpers.box { cpu = 5, output = 100 }
    box:dostring(SPEND)
    box:limits { cpu = 0.05 }
    local message = raises(function()
      box:dostring("function spinner()\nwhile true do end end\nfunction caller() spinner() return 1 end\ncaller()")
    end)
    assert.equal('[string "function spinner()..."]:2: cpu limit of 0.05 s exceeded', message)
    assert.same({ "exhausted", "cpu" }, { box:status() })
    assert_traceback(box:traceback(), message, "spinner", "caller")
    local usage = box:usage()
    assert.is_true(usage.cpu >= 0.077 and usage.cpu < 1, "cpu is " .. usage.cpu)
    assert.is_true(usage.memory > 1000)
    -- What it says to calls that it refuses is no position: no code ran.
    assert.equal("cpu limit of 0.05 s exceeded", raises(function() box:dostring("return 1") end))
    assert_traceback(box:traceback(), message, "spinner", "caller")
    box:limits { cpu = 5 }
    assert.same({ "ready" }, { box:status() })
    -- In a coroutine it is that one's stack that is shown.
    box:limits { cpu = 0.05 }
    message = raises(function() box:dostring("coroutine.wrap(function()\nspinner() return 1 end)()") end, ":2: cpu limit")
    assert_traceback(box:traceback(), message, "spinner")
  end)

  it("after a stop at the gate, which knows the line on every Lua", function()
    local box = helpers.box { output = 10 }
    box:opensandbox()
    for i, code in ipairs { "\nio.write(('x'):rep(11))", "\nprint(('x'):rep(11))", "\nio.stderr:write('12345678901')",
      "\npcall(io.write, ('x'):rep(11))", "local function deep()\nprint('12345', '67890') return 1 end\ndeep()",
      "\ncoroutine.wrap(function() print('1234567890') return 1 end)()" } do
      box:limits { output = 10 }
      local message = raises(function() box:dostring(code) end)
      assert.is_truthy(message:find("^%[string .-%]:2: output limit of 10 bytes exceeded$"), i .. ": " .. message)
      assert.same({ "exhausted", "output" }, { box:status() })
      assert_traceback(box:traceback(), message, ":2: in")
      assert.equal(10, box:usage().output - (i - 1) * 10)
    end
  end)

  it("after a hard stop", function()
    local box = helpers.box { cpu = 5 }
    box:opensandbox()
    pcall(box.dostring, box, "function older() error('old') end older()")
    box:dostring(SPEND .. "below = sandbox.new()")
    box:limits { cpu = 0.05 }
    local message = raises(function() box:dostring(LONG_C_CALL) end, "cpu limit of 0.05 s exceeded")
    assert.same({ "killed", "cpu" }, { box:status() })
    -- Its stack is gone; the message is told alone.
    assert.equal(message, box:traceback())
    local usage = box:usage()
    assert.is_true(usage.cpu >= 0.077 and usage.cpu < 1, "cpu is " .. usage.cpu)
    assert.is_true(usage.wall >= 0.07)
    assert.equal(5, usage.output)
    assert.equal(0, usage.memory)
    assert.is_true(usage.memory_peak > 1000)
    assert.equal(0, usage.boxes)
    for _ = 1, 2 do
      assert.equal("sandbox is killed (" .. message .. ")", raises(function() box:dostring("return 1") end))
      assert.equal(message, box:traceback())
    end
    assert.equal(0.05, box:limits().cpu)
  end)

  it("after os.exit, at any depth of the code", function()
    local box = helpers.box { cpu = 5 }
    pcall(box.dostring, box, "error('older', 0)")
    for code, exit in pairs { ["os.exit()"] = 0, ["os.exit(3)"] = 3, ["pcall(os.exit, 7)"] = 7,
      ["coroutine.wrap(function() os.exit(9) end)()"] = 9, ["table.sort({ 2, 1 }, function() os.exit(11) end)"] = 11 } do
      assert.equal(0, select("#", box:dostring(code)))
      assert.equal(exit, box:usage().exit, code)
      assert.same({ "ready" }, { box:status() })
      assert_traceback(box:traceback(), "older")
    end
    box:dostring(SPEND)
    assert.is_nil(box:usage().exit)
    assert_usage(box, 1)
  end)

  it("after close: the status alone", function()
    for _, before in ipairs { "return 1", "error('x')", "while true do end", LONG_C_CALL, "os.exit(1)" } do
      local box = sandbox.new { cpu = 0.05 }
      pcall(box.dostring, box, before)
      box:close()
      assert.same({ "closed" }, { box:status() })
      raises(function() box:usage() end, "sandbox is closed")
      raises(function() box:traceback() end, "sandbox is closed")
      raises(function() box:limits() end, "sandbox is closed")
    end
  end)

  it("while it runs, from a callback, for the box, and for those above and below", function()
    local box, seen = helpers.box { cpu = 5 }, {}
    box:opensandbox()
    pcall(box.dostring, box, "error('older', 0)")
    box:set("note", function(what, ...) seen[what] = { ... } end)
    box:set("look", function()
      seen.host = { box:status() }
      seen.usage = box:usage()
      seen.traceback = box:traceback()
    end)
    box:dostring(SPEND .. [[
      resting = sandbox.new()
      below = sandbox.new()
      below:opensandbox()
      below:stdout(io.stdout)
      below:set("note", note)
      below:set("look", function()
        note("below", below:status())
        note("resting", resting:status())
        note("usage of below", below:usage())
        look()
      end)
      below:set("SPEND", ...)
      below:dostring([=[
        (loadstring or load)(SPEND)()
        lowest = sandbox.new()
        lowest:set("look", function()
          note("lowest", lowest:status())
          look()
        end)
        lowest:dostring("look()")]=])]], SPEND)
    assert.same({ "running" }, seen.host)
    assert.same({ "running" }, seen.below)
    assert.same({ "running" }, seen.lowest)
    assert.same({ "ready" }, seen.resting)
    assert.is_true(seen.usage.cpu >= 0.054 and seen.usage.cpu < 1)
    assert.is_true(seen.usage.wall >= 0.054)
    assert.equal(10, seen.usage.output)
    assert.equal(3, seen.usage.boxes)
    assert.is_nil(seen.usage.exit)
    assert_traceback(seen.traceback, "older")
    local below = seen["usage of below"][1]
    assert.is_true(below.cpu >= 0.027 and below.cpu <= seen.usage.cpu)
    assert.is_true(below.wall <= seen.usage.wall)
    assert.is_true(below.memory < seen.usage.memory)
    assert.equal(5, below.output)
    assert.equal(1, below.boxes)
    assert.same({ "ready" }, { box:status() })
  end)

  it("of a box whose code is stopped for one above are those of that stop", function()
    local box = helpers.box { output = 10 }
    box:opensandbox()
    box:dostring("below = sandbox.new() below:stdout(io.stdout)")
    local message = raises(function() box:dostring([[below:dostring("function writer()\nprint(('x'):rep(20)) return 1 end writer()")]]) end)
    assert.equal('[string "function writer()..."]:2: output limit of 10 bytes exceeded', message)
    assert_traceback(box:traceback(), message, "dostring")
    box:limits { output = 100 }
    assert.equal("ready", (box:dostring("return below:status()")))
    assert_traceback(box:dostring("return below:traceback()"), message, "writer")
    assert.equal(10, box:dostring("return below:usage().output"))
  end)

  it("of errors that pass through several boxes: each is told its own part and those below", function()
    local box = helpers.box()
    box:opensandbox()
    local message = raises(function()
      box:dostring([[
        below = sandbox.new()
        function outside() below:dostring("function inside() error('from below') end inside()") return 1 end
        outside()]])
    end, "from below")
    assert_traceback(box:traceback(), message, "inside", "outside", "dostring")
    local below = box:dostring("return below:traceback()")
    assert_traceback(below, message, "inside")
    assert.is_nil(below:find("outside", 1, true))
  end)
end)

describe("positions in front of messages", function()
  after_each(helpers.tidy)

  it("are those of stock Lua for errors, with the name that the code was given", function()
    local box = helpers.box()
    raises(function() box:load("\n\nerror('here')", "@script.lua")() end, "script.lua:3: here")
    raises(function() box:load("local t = nil\nreturn t.x", "=name")() end, "name:2: attempt to index")
    local path = helpers.file("\n\n\nerror 'in a file'")
    assert.equal(path .. ":4: in a file", raises(function() box:dofile(path) end))
  end)

  helpers.it_unless(helpers.no_soft_stop, "are there for each soft stop, wherever the code stands", function()
    local path = helpers.file("\n\nlocal function spin()\nwhile true do end end\nspin()")
    for kind, limit in pairs { cpu = 0.05, wall = 0.4 } do
      local box = helpers.box { [kind] = limit }
      assert.equal(("%s:4: %s limit of %s s exceeded"):format(path, kind, limit), raises(function() box:dofile(path) end))
    end
  end)

  it("of a wall stop in a host's function are the line that called it", function()
    local box = helpers.box { wall = 0.4 }
    box:set("nap", function() helpers.sleep(0.5) end)
    local message = raises(function() box:dostring("local x\n\nx = nap()\nreturn x") end)
    assert.equal('[string "local x..."]:3: wall limit of 0.4 s exceeded', message)
    assert.same({ "exhausted", "wall" }, { box:status() })
    assert_traceback(box:traceback(), message, ":3: in")
  end)
end)

describe("code in a box can't forge", function()
  after_each(helpers.tidy)

  -- Each raises something that looks like a limit's message.
  local FORGERIES = {
    "error('cpu limit of 0.05 s exceeded', 0)",
    "error('[string \"x\"]:1: wall limit of 1 s exceeded', 0)",
    "error('sandbox is killed (cpu limit of 0.05 s exceeded)', 0)",
    "error('sandbox is closed', 0)",
    "error({ kind = 'cpu', status = 'exhausted', message = 'cpu limit of 0.05 s exceeded' })",
    "error(setmetatable({}, { __tostring = function() return 'cpu limit of 0.05 s exceeded' end, __name = 'exhausted' }))",
    "xpcall(error, function() error('cpu limit of 0.05 s exceeded', 0) end) error('cpu limit of 0.05 s exceeded', 0)",
    "local ok, m = xpcall(error, function() return 'cpu limit of 0.05 s exceeded' end) error(m, 0)",
    "coroutine.wrap(function() error('cpu limit of 0.05 s exceeded', 0) end)()",
    "assert(nil, 'output limit of 10 bytes exceeded')",
    "raise('cpu limit of 0.05 s exceeded')",
    "raise(stolen)",
    "error(stolen, 0)",
    "assert(load(function() error('cpu limit of 0.05 s exceeded', 0) end))",
    "io.stdout:close() print = nil error('memory', 0)",
    "local b = sandbox.new { cpu = 0.01 } b:dostring('while true do end')",
    "local b = sandbox.new { cpu = 0.01 } pcall(b.dostring, b, 'while true do end') b:dostring('return 1')",
    "local b = sandbox.new { output = 0 } b:dostring('print(1)')",
    "local b = sandbox.new() b:close() b:dostring('return 1')",
    "sandbox.run(" .. ("%q"):format(LONG_C_CALL) .. ", { cpu = 0.01 })",
    "setmetatable(_G, { __index = function() error('cpu limit of 0.05 s exceeded', 0) end }) return undefined",
  }

  it("a status, whatever it raises, nor a limit of its own by one of a box below", function()
    for _, code in ipairs(FORGERIES) do
      local box = helpers.box { cpu = 5 }
      box:opensandbox()
      box:set("raise", function(m) error(m, 0) end)
      -- The words of a real stop, as the host got them.
      local other = helpers.box { cpu = 0.01 }
      box:set("stolen", (select(2, pcall(other.dostring, other, "while true do end"))))
      local ok = pcall(box.dostring, box, code)
      assert.is_false(ok, code)
      assert.same({ "ready" }, { box:status() }, code)
      assert.equal(0, box:usage().output)
      assert.is_nil(box:usage().exit)
      assert.equal(3, box:dostring("return 1 + 2"))
    end
  end)

  it("a traceback: it is taken by the library, whatever the box has made of its own", function()
    local box = helpers.box()
    pcall(box.dostring, box, [[
      debug.traceback = function() return "forged" end
      debug = nil
      tostring, error_ = function() return "forged" end, error
      local meta = getmetatable("")
      meta.__tostring, meta.__concat, meta.__index = tostring, tostring, tostring
      function culprit() error_("real", 0) end
      culprit()]])
    assert_traceback(box:traceback(), "real", "culprit")
    assert.is_nil(box:traceback():find("forged", 1, true))
    -- What it can choose is the text of its error, which comes first and is its own.
    pcall(box.dostring, box, "error_('x\\nstack traceback:\\n\\tforged: in main chunk', 0)")
    assert_traceback(box:traceback(), "x\nstack traceback:\n\tforged: in main chunk\nstack traceback:\n")
    -- However long, it is kept short.
    pcall(box.dostring, box, "error_(string.rep('x', 2^20), 0)")
    assert.is_true(#box:traceback() <= 2 ^ 14)
  end)

  it("usage: a clock, an exit or a count of its own changes nothing", function()
    local box = helpers.box { cpu = 5 }
    box:opensandbox()
    box:dostring([[
      os.clock = function() return 1e9 end
      local exit = os.exit
      os.exit = function() end
      os.exit(5)
      local b = sandbox.new()
      b:dostring("os.exit(7)")
      pcall(function() b:usage().cpu = 1e9 end)
      io.write = function() return true end
      io.write(("x"):rep(1000))]])
    local usage = box:usage()
    assert.is_true(usage.cpu < 1)
    assert.equal(0, usage.output)
    assert.is_nil(usage.exit)
  end)
end)
