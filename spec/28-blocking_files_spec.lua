--- Manual, section 3: a box that waits for a file of the host's (a pipe that stays silent, a reader that is stuck) is
-- stopped by `wall` all the same, and nothing that was read or is still to be written by others is lost.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

--- Both ends of a pipe as handles; "r+" never blocks at open, and never comes to an end.
local pipes = {}
local function pipe()
  local path = helpers.fifo()
  local reader, writer = assert(io.open(path, "r+")), assert(io.open(path, "r+"))
  pipes[#pipes + 1] = { reader, writer }
  return reader, writer
end

--- Closes the pipes. What is pending goes out first, for which a full one has to be emptied.
local function tidy()
  for _, both in ipairs(pipes) do
    local box = helpers.box { wall = 0.02 }
    box:stdin(both[1])
    pcall(box.dostring, box, "io.read('*a')")
    both[2]:close()
    both[1]:close()
  end
  pipes = {}
  helpers.tidy()
end

local function send(handle, text)
  handle:write(text)
  handle:flush()
end

--- Asserts that the code is stopped softly by a wall limit of 0.05 s while it waits, having spent next to no CPU time.
local function assert_wall_stop(box, code, ...)
  box:limits { wall = 0.05 }
  local spent, began = box:usage().cpu, helpers.now()
  local arguments = { n = select("#", ...), ... }
  local message = raises(function() box:dostring(code, helpers.unpack(arguments, 1, arguments.n)) end,
    "wall limit of 0.05 s exceeded")
  assert.is_true(helpers.now() - began >= 0.04)
  assert.is_true(helpers.now() - began < 10)
  assert.same({ "exhausted", "wall" }, { box:status() })
  assert.is_true(box:usage().cpu - spent < 0.04, "waiting was charged as CPU time")
  box:limits { wall = 10 }
  assert.equal("ready", (box:status()))
  return message
end

--- The same, and the message says where. On a machine so busy that the code never began there is no position to tell.
local function assert_told_stop(box, code)
  local message
  for _ = 1, 5 do
    message = assert_wall_stop(box, code)
    if message:find("^%[string .*%]:1: wall limit") then return end
  end
  error(code .. ": " .. message)
end

describe("a box that reads a silent pipe", function()
  after_each(tidy)

  it("is stopped by wall in every kind of read, and stays usable", function()
    local input = pipe()
    local box = helpers.box()
    box:stdin(input)
    -- Not "return io.read()": on LuaJIT a tail call leaves no line behind that could be told.
    for _, code in ipairs { "io.read()", "io.read('*l')", "io.read('*a')", "io.read('*n')", "io.read(1)", "io.read(0)", "io.read(2^20)",
      "for line in io.lines() do end", "io.stdin:read()", "while true do pcall(io.read) end",
      "coroutine.wrap(function() io.read() end)()", "xpcall(io.read, print)", "dofile()" } do
      assert_told_stop(box, code)
      assert.equal(3, box:dostring("return 1 + 2"))
    end
  end)

  it("loses nothing of what came before the stop: the next read has it", function()
    local input, feed = pipe()
    local box = helpers.box()
    box:stdin(input)
    send(feed, "par")
    assert_wall_stop(box, "return io.read('*l')")
    send(feed, "tial\nnext\n")
    assert.equal("partial", box:dostring("return io.read('*l')"))
    assert.equal("next", box:dostring("return io.read('*l')"))

    send(feed, "  -12")
    assert_wall_stop(box, "return io.read('*n')")
    send(feed, "34 rest\n")
    assert.same({ -1234, " rest" }, { box:dostring("return io.read('*n', '*l')") })
    -- 0x1p is no number yet; what has been taken comes back all the same.
    send(feed, "0x1p")
    assert_wall_stop(box, "return io.read('*n')")
    send(feed, " after\n")
    assert.equal("0x1p after", box:dostring("return io.read('*l')"))

    local long, more = ("x"):rep(20000), ("y"):rep(20000)
    send(feed, long)
    for _, format in ipairs { "*a", "*l", 40000 } do assert_wall_stop(box, "return io.read(...)", format) end
    send(feed, more)
    assert.is_true(long .. more == box:dostring("return io.read(40000)"))

    send(feed, "for the host\n")
    assert_wall_stop(box, "return io.read('*l', '*l')")
    -- The first line was given to the box before the second was waited for.
    send(feed, "left\n")
    assert.equal("left", input:read("*l"))
  end)

  it("reads what arrives later, as long as it comes in time", function()
    local box = helpers.box { wall = 30 }
    local slow = assert(io.popen("printf one; sleep 0.2; printf ' two\\n3'; sleep 0.2; echo 4"))
    box:stdin(slow)
    assert.same({ "one two", 34 }, { box:dostring("return io.read('*l', '*n')") })
    assert.is_nil(box:dostring("io.read('*l') return io.read('*l')"))
    assert.equal("", box:dostring("return io.read('*a')"))
    slow:close()
  end)

  it("is stopped by the limit of a box above, and one below by its own", function()
    local input, feed = pipe()
    local box = helpers.box()
    box:opensandbox()
    box:stdin(input)
    box:dostring([[
      below = sandbox.new()
      below:opensandbox()
      below:stdin(io.stdin)
      below:dostring("lowest = sandbox.new() lowest:stdin(io.stdin)")]])
    assert_wall_stop(box, "below:dostring('io.read()')")
    assert_wall_stop(box, [[below:dostring("lowest:dostring('io.read()')")]])
    -- Their own limit: the one that has it is stopped, and those above go on.
    local ok, message, status, kind = box:dostring([[
      below:limits { wall = 0.3 }
      local ok, message = pcall(below.dostring, below, "io.read()")
      return ok, message, below:status()]])
    assert.is_false(ok)
    assert.is_truthy(message:find("]:1: wall limit of 0.3 s exceeded", 1, true), message)
    assert.same({ "exhausted", "wall" }, { status, kind })
    ok, message, status, kind = box:dostring([[
      below:limits { wall = 10 }
      return below:dostring("lowest:limits { wall = 0.3 } " ..
        "local ok, message = pcall(lowest.dostring, lowest, 'io.read()') return ok, message, lowest:status()")]])
    assert.is_false(ok)
    assert.is_truthy(message:find("]:1: wall limit of 0.3 s exceeded", 1, true), message)
    assert.same({ "exhausted", "wall" }, { status, kind })
    assert.equal("ready", box:dostring("return below:status()"))
    assert.equal("ready", (box:status()))
    -- What comes now goes to whoever reads first.
    send(feed, "late\n")
    assert.equal("late", box:dostring("below:limits { wall = 10 } return below:dostring('return io.read()')"))
  end)

  it("is stopped, too, where the pipe was given to it as an argument, and passed on to a box below", function()
    local input, feed = pipe()
    local box = helpers.box()
    box:opensandbox()
    box:dostring("given = ...", input)
    assert_wall_stop(box, "given:read('*l')")
    box:dostring("below = sandbox.new() below:dostring('given = ...', given)")
    assert_wall_stop(box, "below:dostring('given:read(5)')")
    local ok, message, status, kind = box:dostring([[
      below:limits { wall = 0.3 }
      local ok, message = pcall(below.dostring, below, "given:read('*a')")
      return ok, message, below:status()]])
    assert.is_false(ok)
    assert.is_truthy(message:find("]:1: wall limit of 0.3 s exceeded", 1, true), message)
    assert.same({ "exhausted", "wall" }, { status, kind })
    assert.same({ "ready" }, { box:status() })
    send(feed, "late\n")
    assert.equal("late", box:dostring("return given:read('*l')"))
  end)

  it("costs the host nothing: a box beside it runs, and so does the host's own reading", function()
    local input, feed = pipe()
    local box, other = helpers.box(), helpers.box()
    box:stdin(input)
    other:stdin(input)
    for round = 1, 5 do
      assert_wall_stop(box, "return io.read()")
      send(feed, round .. "\n" .. -round .. "\n")
      assert.equal(tostring(round), other:dostring("return io.read()"))
      assert.equal(tostring(-round), input:read("*l"))
    end
  end)

  it("is stopped while what it has is cut at its memory limit, too", function()
    local input, feed = pipe()
    local box = helpers.box { memory = 2 * helpers.MiB }
    box:stdin(input)
    for _ = 1, 3 do
      send(feed, ("z"):rep(30000))
      assert_wall_stop(box, "return #io.read('*a')")
    end
    send(feed, "\n")
    assert.equal(90000, box:dostring("return #io.read('*l')"))
  end)
end)

describe("a box that reads the host's real stdin", function()
  after_each(helpers.tidy)

  it("is stopped by wall when stdin is a pipe that stays silent", function()
    local path = helpers.fifo()
    local output, code = helpers.in_process(([[
      local sandbox = require "sandbox"
      local box = sandbox.new { wall = 0.2 }
      box:stdin(io.stdin)
      for _, format in ipairs { "*l", "*a", "*n", 5 } do
        box:limits { wall = 0.2 }
        local ok, message = pcall(box.dostring, box, "local x = io.read(...)", format)
        assert(not ok and message:find("]:1: wall limit of 0.2 s exceeded", 1, true), message)
        local status, kind = box:status()
        assert(status == "exhausted" and kind == "wall")
      end
      local feed = assert(io.open(%q, "a"))
      feed:write("arrives\nlater\n")
      feed:close()
      box:limits { wall = 20 }
      assert(box:dostring("return io.read('*l')") == "arrives")
      assert(io.read("*l") == "later")
      print "done"]]):format(path), "<>" .. path)
    assert.equal("done\n", output)
    assert.equal(0, code)
  end)

  it("is stopped by wall with stdin unbuffered, and with a stdout that nobody reads", function()
    local path, stuck = helpers.fifo(), helpers.fifo()
    local output, code = helpers.in_process([[
      local sandbox = require "sandbox"
      io.stdin:setvbuf("no")
      local box = sandbox.new()
      box:stdin(io.stdin)
      box:stdout(io.stdout)
      for _, chunk in ipairs { "io.read()", "while true do print(('x'):rep(1000)) end", "io.write(('x'):rep(2^20))", "io.read(10)" } do
        for _, mode in ipairs { "no", "line", "full" } do
          io.stdout:setvbuf(mode)
          box:limits { wall = 0.05 }
          local ok, message = pcall(box.dostring, box, chunk)
          assert(not ok and message:find("wall limit of 0.05 s exceeded", 1, true), message)
          local status, kind = box:status()
          assert(status == "exhausted" and kind == "wall", status)
        end
      end
      io.stderr:write("done\n")
      -- Stock Lua would wait at exit until it could write what is left in the buffer.
      os.execute("kill -9 $PPID")]], "<>" .. path .. " 3>&1 1<>" .. stuck .. " 2>&3")
    assert.equal("done\n", (output:gsub("Killed\n", "")))
    assert.equal(137, code)
  end)
end)

describe("a box that writes to a pipe that nobody empties", function()
  after_each(tidy)

  it("is stopped by wall in every kind of write, and stays usable", function()
    local _, full = pipe()
    local box = helpers.box { memory = 16 * helpers.MiB }
    box:stdout(full)
    -- Made beforehand: a stop in the middle of one long string.rep may be a hard one.
    box:dostring("big, some = ('x'):rep(2^20), ('x'):rep(5000)")
    for _, code in ipairs { "io.write(big)", "while true do print('a line') end", "io.stdout:write(big)",
      "while true do pcall(io.write, some) end", "io.stdout:setvbuf('no') while true do io.stdout:write('x') end",
      "io.write('x') while true do io.stdout:flush() io.write(('x'):rep(4096)) end" } do
      assert_told_stop(box, code)
      assert.equal(3, box:dostring("return 1 + 2"))
    end
  end)

  it("keeps what the host had written before: it goes out, in order and once", function()
    local drain, full = pipe()
    full:setvbuf("full", 8192)
    full:write("host ")
    local box = helpers.box()
    box:stdout(full)
    -- Nearly all that a pipe takes, however long that takes; the rest under the limit.
    box:dostring("for _ = 1, 15001 do io.write('box ') end")
    box:limits { wall = 0.5 }
    raises(function() box:dostring("while true do io.write('box ') end") end, "wall limit of 0.5 s exceeded")
    -- Most of 64 KiB went through, what was in the buffer stays there, and what the stopped write held is gone.
    local text = drain:read(30000)
    full:write("END\n")
    full:flush()
    text = text .. drain:read("*l")
    assert.is_truthy(text:find("^host box "))
    assert.is_truthy(text:find("END$"))
    local rest, times = text:gsub("box ", "")
    assert.equal("host END", rest)
    assert.is_true(times > 15000, times .. " times")
  end)

  it("is stopped in seek and flush, which write what is pending", function()
    for _, code in ipairs { "return io.stdout:flush()", "return io.stdout:seek('set', 0)" } do
      local _, full = pipe()
      full:setvbuf("full", 8192)
      local box = helpers.box()
      box:stdout(full)
      -- Filled by someone else, who doesn't wait.
      local filler = helpers.box { wall = 0.4 }
      filler:stdout(full)
      pcall(filler.dostring, filler, "io.write(('x'):rep(2^20))")
      box:dostring("io.write('pending')")
      assert_wall_stop(box, code)
    end
  end)

  it("is stopped by its own limit below a box that goes on", function()
    local _, full = pipe()
    local box = helpers.box()
    box:opensandbox()
    box:stdout(full)
    local ok, message, status, kind = box:dostring([[
      local below = sandbox.new { wall = 0.3 }
      below:stdout(io.stdout)
      local ok, message = pcall(below.dostring, below, "io.write(('x'):rep(2^20))")
      return ok, message, below:status()]])
    assert.is_false(ok)
    assert.is_truthy(message:find("]:1: wall limit of 0.3 s exceeded", 1, true), message)
    assert.same({ "exhausted", "wall" }, { status, kind })
    assert.equal("ready", (box:status()))
  end)

  it("writes all there is where a reader takes it, however slowly", function()
    local box = helpers.box { wall = 30 }
    local path = helpers.file("")
    local slow = assert(io.popen("sleep 0.2; wc -c > " .. path, "w"))
    box:stdout(slow)
    box:dostring("for i = 1, 10 do io.write(('x'):rep(i * 10000)) end print() io.stdout:flush()")
    slow:close()
    assert.equal(550001, tonumber((assert(io.open(path)):read("*a"))))
  end)

  it("gets an error, not a signal, where the reader is gone", function()
    local box = helpers.box { wall = 30 }
    local gone = assert(io.popen("true", "w"))
    box:stdout(gone)
    local ok, message, number = box:dostring([[
      for _ = 1, 1000 do
        local ok, message, number = io.stdout:write(("x"):rep(5000))
        if not ok then return ok, message, number end
      end]])
    assert.is_nil(ok)
    assert.equal("Broken pipe", message)
    assert.equal(32, number)
    gone:close()
  end)
end)

describe("streams of functions and regular files", function()
  after_each(helpers.tidy)

  it("are read and written as before under a wall limit", function()
    local box = helpers.box { wall = 30 }
    local pieces = { "one\ntw", "o\n", "3 4" }
    box:stdin(sandbox.newstream(function() return table.remove(pieces, 1) end))
    assert.same({ "one", "two", 3, 4 }, { box:dostring("return io.read('*l', '*l', '*n', '*n')") })
    local large = ("line\n"):rep(50000)
    box:stdin(helpers.handle(large))
    assert.is_true(box:dostring("return io.read('*a')") == large)
    local text = helpers.captured(box)
    box:dostring("for _ = 1, 1000 do print('line') end io.write(('x'):rep(1e5))")
    assert.equal(("line\n"):rep(1000) .. ("x"):rep(1e5), text())
  end)
end)
