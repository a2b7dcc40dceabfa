--- The `lines` of a stream: it stands in the stock table of methods, so nothing but its speed may tell it from the stock one.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

-- a reader that gives `text` in pieces of these sizes, again and again
local function in_pieces(text, ...)
  local sizes, turn, at = { ... }, 0, 1
  return function()
    turn = turn + 1
    local piece = text:sub(at, at + sizes[turn % #sizes + 1] - 1)
    at = at + #piece
    return piece
  end
end

local function all_of(stream)
  local lines = {}
  for line in stream:lines() do lines[#lines + 1] = line end
  return lines
end

describe("the lines of a stream", function()
  after_each(helpers.tidy)

  it("are those of a file with the same content", function()
    local text = {}
    for length = 0, 200 do text[#text + 1] = ("%d,"):format(length):rep(200):sub(1, length) end
    for _, length in ipairs { 1023, 1024, 1025, 8191, 8192, 8193, 20000 } do text[#text + 1] = ("x"):rep(length) end
    for _, ending in ipairs { "", "\n", "\n\n", "\nlast", "\nzero\0byte\n" } do
      local content = table.concat(text, "\n") .. ending
      local expected = {}
      for line in io.lines(helpers.file(content)) do expected[#expected + 1] = line end
      for _, reader in ipairs { in_pieces(content, 1e6), in_pieces(content, 100, 1, 8192, 4095) } do
        local lines = all_of(sandbox.newstream(reader))
        assert.equal(#expected, #lines)
        for i, line in ipairs(expected) do assert.is_true(line == lines[i], "line " .. i) end
      end
    end
    assert.same({}, all_of(sandbox.newstream(function() end)))
  end)

  it("ask the reader as often as reading does", function()
    -- the lines that `each(stream)` iterates over, and how often the reader was asked for them
    local function taken(pieces, each)
      local calls, lines = 0, {}
      local stream = sandbox.newstream(function()
        calls = calls + 1
        return pieces[calls]
      end)
      for line in each(stream) do lines[#lines + 1] = line end
      stream:close()
      return table.concat(lines, "\n"), calls
    end
    local function by_reading(stream)
      return function() return stream:read("*l") end
    end
    for _, size in ipairs { 7, 100, 1024, 5000, 20000 } do
      for _, ending in ipairs { "begun", "ended\n" } do
        local pieces = {}
        for i = 1, 5 do
          pieces[i] = (("%d"):format(i):rep(size - 1) .. "\n"):rep(1 + math.floor(9000 / size)) .. ending
        end
        local text, calls = taken(pieces, by_reading)
        local same, as_often = taken(pieces, function(stream) return stream:lines() end)
        assert.is_true(text == same)
        assert.equal(calls, as_often)
      end
    end
  end)

  it("lose a line whose rest could not be had, as stock reading does", function()
    local calls = 0
    local stream = sandbox.newstream(function()
      calls = calls + 1
      if calls == 2 then error("no more") end
      return calls == 1 and "whole\nbegun" or calls == 3 and " anew\n" or nil
    end)
    local next_line = stream:lines()
    assert.equal("whole", next_line())
    raises(next_line, "Input/output error")
    assert.equal(" anew", next_line())
    assert.is_nil(next_line())
  end)

  it("go on where another reading has stopped, and leave the rest", function()
    local stream = sandbox.newstream(in_pieces("one\ntwo\nthree\nfour\nfive\n", 7))
    local next_line = stream:lines()
    assert.equal("one", next_line())
    assert.equal("t", stream:read(1))
    assert.equal("wo", next_line())
    assert.equal("three", stream:read("*l"))
    assert.equal("four", stream:lines()())
    assert.equal("five", next_line())
    assert.is_nil(next_line())
    assert.is_nil(next_line())
  end)

  it("raise what the reader could not give, with the caller's position", function()
    local stream = sandbox.newstream(function() error("no more") end)
    local source = debug.getinfo(1, "S").short_src
    raises(function() for _ in stream:lines() do end end, source, ": Input/output error")
    local again
    again = sandbox.newstream(function() for _ in again:lines() do end end)
    raises(function() for _ in again:lines() do end end, ": Input/output error")
  end)

  it("end with an error where the stream is closed", function()
    local stream = sandbox.newstream(in_pieces("one\ntwo\n", 100))
    local next_line = stream:lines()
    assert.equal("one", next_line())
    stream:close()
    raises(next_line, helpers.is_jit and "attempt to use a closed file" or "file is already closed")
    raises(function() stream:lines() end, "attempt to use a closed file")
  end)

  it("are the same in a loop that is compiled, whatever it does with the stream", function()
    local function stream_of(count) return sandbox.newstream(in_pieces(("a line\n"):rep(count), 100, 37)) end
    for turn = 1, 6 do
      -- every tenth line is read by another function
      local stream, count = stream_of(2000), 0
      for line in stream:lines() do
        count = count + 1
        assert.equal("a line", line)
        if count % 9 == 0 then assert.equal("a line", stream:read("*l")) end
      end
      assert.equal(1800, count)
      stream:close()
      -- closed on the way
      stream, count = stream_of(2000), 0
      local source = debug.getinfo(1, "S").short_src
      raises(function()
        for _ in stream:lines() do
          count = count + 1
          if count == 1000 + turn then stream:close() end
        end
      end, source, helpers.is_jit and ": attempt to use a closed file" or "file is already closed")
      assert.equal(1000 + turn, count)
      -- several at once, in turns and one inside the other
      local a, b = stream_of(500), stream_of(500)
      local next_a, next_b, both = a:lines(), b:lines(), {}
      for line in next_a do both[#both + 1] = line .. (next_b() or "?") end
      assert.equal(500, #both)
      for _, line in ipairs(both) do assert.equal("a linea line", line) end
      assert.is_nil(next_b())
    end
  end)

  it("need nothing that a host may have taken away", function()
    local out = helpers.in_process([[
      package.loaded.ffi, package.preload.ffi = nil, nil
      if jit then jit.status = nil end
      local given = false
      local stream = require("sandbox").newstream(function()
        if given then return nil end
        given = true
        return ("a line\n"):rep(1000)
      end)
      local count = 0
      for line in stream:lines() do count = count + (line == "a line" and 1 or 0) end
      print(count)
    ]])
    assert.matches("^1000", out)
  end)

  it("keep the stream alive", function()
    local next_line = sandbox.newstream(in_pieces(("line\n"):rep(1000), 3)):lines()
    for _ = 1, 1000 do
      collectgarbage("step", 10)
      assert.equal("line", next_line())
    end
    assert.is_nil(next_line())
  end)

  helpers.it_unless(helpers.version == 51 and not helpers.is_jit and "formats of lines came with Lua 5.2",
    "take formats as the stock method does", function()
      local stream = sandbox.newstream(in_pieces("one\n2 3\n", 100))
      local keep = stream:lines("*L")
      assert.equal("one\n", keep())
      local a, b = stream:lines("*n", "*n")()
      assert.equal(2, a)
      assert.equal(3, b)
    end)

  it("change nothing for other handles, nor what misuse says", function()
    local out = helpers.in_process([[
      local path = os.tmpname()
      local f = assert(io.open(path, "wb")) f:write("one\ntwo\n") f:close()
      local function told()
        local file, closed = assert(io.open(path)), assert(io.open(path))
        closed:close()
        local t = {}
        for line in file:lines() do t[#t + 1] = line end
        for line in io.lines(path) do t[#t + 1] = line end
        for _, misuse in ipairs { function() file.lines() end, function() file.lines(1) end, function() file.lines({}) end,
            function() closed:lines() end, function() for _ in file.lines(closed) do end end } do
          t[#t + 1] = tostring(select(2, pcall(misuse)))
        end
        local iterate = file:lines()
        file:close()
        t[#t + 1] = tostring(select(2, pcall(iterate)))
        return table.concat(t, "|")
      end
      local before = told()
      require("sandbox").newstream(function() end):close()
      local after = told()
      os.remove(path)
      print(before == after and "alike" or before .. "\n" .. after)
    ]])
    assert.matches("^alike", out)
  end)
end)
