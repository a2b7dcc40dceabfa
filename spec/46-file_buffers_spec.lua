--- What lies in the buffer of the host's file crosses without the driver: box and host must see the same file all the same, at every
-- place in its buffer (4,096 bytes of a file, 8,192 of a stream).

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises
-- as f:read takes them in every Lua
local FORMATS = { "*l", 1, 7, 64, 1023, 1024, 1025, 5000, "*n", "*l", 0 }
if helpers.version > 51 or helpers.is_jit then FORMATS[#FORMATS + 1] = "*L" end

-- lines of all lengths up to 300, some far longer than a buffer, and a last one without its end
local function lines_of_all_lengths()
  local lines = {}
  for length = 0, 300 do lines[#lines + 1] = ("%d "):format(length):rep(300):sub(1, length) end
  for _, length in ipairs { 1022, 1023, 1024, 1025, 4094, 4095, 4096, 4097, 9000, 3 } do
    lines[#lines + 1] = string.char(97 + length % 26):rep(length)
  end
  lines[#lines + 1] = "17 the last"
  return table.concat(lines, "\n")
end

describe("reading the host's file", function()
  after_each(helpers.tidy)

  it("gives the lines that the host would read", function()
    local path = helpers.file(lines_of_all_lengths())
    local expected = {}
    for line in io.lines(path) do expected[#expected + 1] = line end
    local box = helpers.box()
    box:stdin(assert(io.open(path, "rb")))
    assert.same(expected, box:dostring("local t = {} for l in io.lines() do t[#t + 1] = l end return t"))
    -- the same by way of a handle that was given, and of a stream of functions
    local collect = box:load("local t, f = {}, ... for l in f:lines() do t[#t + 1] = l end return t")
    local given = assert(io.open(path, "rb"))
    assert.same(expected, collect(given))
    local file = assert(io.open(path, "rb"))
    assert.same(expected, collect(sandbox.newstream(function() return file:read(777) end)))
    given:close()
    file:close()
  end)

  it("gives what the host would read in every format, in any order", function()
    local path = helpers.file(lines_of_all_lengths())
    local outside, inside = assert(io.open(path, "rb")), assert(io.open(path, "rb"))
    local box = helpers.box()
    box:stdin(inside)
    local read = box:load("return io.read(...)")
    local turn = 0
    repeat
      turn = turn + 1
      local format = FORMATS[turn * 7 % #FORMATS + 1]
      local expected = outside:read(format)
      assert.equal(expected, (read(format)))
    until turn % #FORMATS == 0 and not expected or turn > 2000
    assert.equal(outside:seek(), inside:seek())
    outside:close()
    inside:close()
  end)

  it("leaves the rest to the host, and goes on where the host has stopped", function()
    local path = helpers.file(lines_of_all_lengths())
    local outside, shared = assert(io.open(path, "rb")), assert(io.open(path, "rb"))
    local box = helpers.box()
    box:stdin(shared)
    local inside = box:load("for _ = 1, (...) do if not io.read('*l') then break end end return io.read('*l')")
    for turn = 1, 40 do
      for _ = 1, turn % 5 do outside:read("*l") end
      assert.equal(outside:read("*l"), (inside(turn % 5)))
      assert.equal(outside:read(turn), shared:read(turn))
      assert.equal(outside:seek(), shared:seek())
    end
    outside:close()
    shared:close()
  end)

  it("of one that is closed meanwhile is an ordinary error", function()
    local box, file = helpers.box(), assert(io.open(helpers.file(("line\n"):rep(100)), "rb"))
    box:stdin(file)
    box:set("close", function() file:close() end)
    assert.equal("line", box:dostring("return io.read('*l')"))
    local line, message, number = box:dostring("close() return io.read('*l')")
    assert.is_nil(line)
    assert.is_string(message)
    assert.equal("number", type(number))
    raises(function() box:dostring("for l in io.lines() do end") end, message)
  end)

  it("of a file that is read and written keeps the order", function()
    local path = helpers.file("one\ntwo\nthree\n")
    local box, file = helpers.box(), assert(io.open(path, "r+b"))
    box:stdin(file)
    box:stdout(file)
    assert.equal("one", box:dostring("return io.read('*l')"))
    file:seek("cur", 0)
    box:dostring("io.write('TW')")
    file:seek("cur", 0)
    assert.equal("O", (box:dostring("return io.read(1)"):upper()))
    file:close()
    assert.equal("one\nTWo\nthree\n", helpers.content(path))
  end)
end)

describe("writing to the host's file", function()
  after_each(helpers.tidy)

  it("puts every byte in its place, whatever the sizes and whoever writes", function()
    local path = os.tmpname()
    local box, file = helpers.box(), assert(io.open(path, "wb"))
    box:stdout(file)
    local write = box:load("local s, n = ... for _ = 1, n do io.write(s) end")
    local given = box:load("local f, s = ... f:write(s)")
    local expected = {}
    for turn, size in ipairs { 1, 63, 64, 1000, 1023, 1025, 3000, 4095, 4096, 4097, 0, 10000, 5, 64, 31, 4096, 1 } do
      local piece = string.char(64 + turn):rep(size)
      write(piece, turn)
      file:write("|", turn)
      given(file, piece)
      expected[#expected + 1] = piece:rep(turn) .. "|" .. turn .. piece
    end
    file:close()
    assert.equal(table.concat(expected), helpers.content(path))
    os.remove(path)
  end)

  it("reaches the file at once where the host has asked for that", function()
    local path = os.tmpname()
    local box, file = helpers.box(), assert(io.open(path, "wb"))
    box:stdout(file)
    box:dostring("io.write('kept')")
    assert.equal("", helpers.content(path))
    file:setvbuf("line")
    box:dostring("io.write(' a line\\n', 'the next')")
    assert.equal("kept a line\n", helpers.content(path))
    file:setvbuf("no")
    box:dostring("io.write('!')")
    assert.equal("kept a line\nthe next!", helpers.content(path))
    file:close()
    os.remove(path)
  end)

  it("counts as output to the last byte", function()
    local path = os.tmpname()
    local box, file = helpers.box { output = 1000 }, assert(io.open(path, "wb"))
    box:stdout(file)
    box:dostring("for i = 1, 15 do io.write(('x'):rep(64)) end")
    assert.equal(960, box:usage().output)
    raises(function() box:dostring("for i = 1, 15 do io.write(('x'):rep(64)) end") end, "output limit of 1000 bytes exceeded")
    assert.equal(1000, box:usage().output)
    file:close()
    assert.equal(("x"):rep(1000), helpers.content(path))
    os.remove(path)
  end)

  it("fails as ever on a file that is only read", function()
    local box, file = helpers.box(), assert(io.open(helpers.file("text\n"), "rb"))
    box:stdout(file)
    box:stdin(file)
    local ok, message = box:dostring("io.read('*l') return io.write('x')")
    assert.is_nil(ok)
    assert.is_string(message)
    file:close()
  end)
end)
