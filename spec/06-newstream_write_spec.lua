--- The `write` of handles: from the first `newstream` on it is ours (but on LuaJIT), so nothing but its speed may tell it from the
-- stock one, which `io.write` still is.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, content = helpers.raises, helpers.content

-- what `write` gives where all is well
local function is_success(handle, ...)
  assert.equal(1, select("#", ...))
  if _VERSION == "Lua 5.1" then
    assert.is_true((...))
  else
    assert.equal(handle, (...))
  end
end

describe("write", function()
  sandbox.newstream():close()

  after_each(helpers.tidy)

  -- io.write of these, with that file as the default output
  local function write_by_default(file, ...)
    local before = io.output()
    io.output(file)
    local ok, problem = pcall(io.write, ...)
    io.output(before)
    assert(ok, problem)
  end

  it("writes the same bytes as io.write", function()
    local arguments = {
      { "" }, { "line\n" }, { "zero\0byte" }, { ("x"):rep(4095) }, { ("y"):rep(20000), "z" }, { 1 }, { 1.5, -0.0, 2 ^ 53 },
      { 1e100, 2 ^ 63, 3.0 }, { "a", 1, "b", 2.25 }, {}, { "last" },
    }
    local one, two = helpers.file(""), helpers.file("")
    local file, other = assert(io.open(one, "wb")), assert(io.open(two, "wb"))
    for _ = 1, 20 do
      for _, list in ipairs(arguments) do
        is_success(file, file:write(helpers.unpack(list)))
        write_by_default(other, helpers.unpack(list))
      end
    end
    file:close()
    other:close()
    assert.is_true(content(one) == content(two))
  end)

  it("gives a stream's writer every byte in order", function()
    local pieces = {}
    local stream = sandbox.newstream(nil, function(piece) pieces[#pieces + 1] = piece end)
    local expected = {}
    for i = 1, 5000 do
      local text = ("%d,"):format(i)
      expected[i] = text
      is_success(stream, stream:write(text))
    end
    stream:close()
    assert.is_true(table.concat(pieces) == table.concat(expected))
  end)

  it("passes bytes on at once where the handle has no buffer, and by line where it is to", function()
    local pieces = {}
    local stream = sandbox.newstream(nil, function(piece) pieces[#pieces + 1] = piece end)
    stream:setvbuf("no")
    stream:write("one")
    assert.equal("one", table.concat(pieces))
    stream:setvbuf("line")
    stream:write("two")
    stream:write("three\n")
    assert.equal("onetwothree\n", table.concat(pieces))
    stream:close()
  end)

  it("goes where the position is, between reads and other writes", function()
    local path = helpers.file("0123456789")
    local file = assert(io.open(path, "r+b"))
    assert.equal("01", file:read(2))
    file:seek("cur", 0)
    file:write("ab")
    write_by_default(file, "cd")
    file:write("e")
    assert.equal(7, file:seek("cur", 0))
    assert.equal("789", file:read("*a"))
    file:seek("set", 0)
    file:write("A")
    file:close()
    assert.equal("A1abcde789", content(path))
  end)

  it("tells what the system refuses", function()
    local path = helpers.file("text")
    local file = assert(io.open(path, "rb"))
    local result, message, errno = file:write("more")
    assert.is_nil(result)
    assert.equal("Bad file descriptor", message)
    assert.equal(9, errno)
    file:close()
    local full = io.open("/dev/full", "wb")
    if not full then return pending("no /dev/full here") end
    full:setvbuf("no")
    result, message, errno = full:write("x")
    assert.is_nil(result)
    assert.equal("No space left on device", message)
    assert.equal(28, errno)
    full:close()
  end)

  it("raises what the stock one raises, at the caller's place, and writes what stands before", function()
    local source = debug.getinfo(1, "S").short_src
    local path = helpers.file("")
    local file = assert(io.open(path, "wb"))
    raises(function() file:write({}) end, source, "bad argument #1 to 'write' (string expected, got table)")
    raises(function() file:write("good", 1, nil) end, source, "bad argument #3 to 'write' (string expected, got nil)")
    raises(function() file:write("more", print, "lost") end, source, "bad argument #2 to 'write' (string expected, got function)")
    raises(function() file.write({}, "x") end, source, "bad argument #1 to 'write' (FILE* expected, got table)")
    raises(function() file.write("text", "x") end, source, "bad argument #1 to 'write' (FILE* expected, got string)")
    local write = file.write
    file:close()
    assert.equal("good1more", content(path))
    raises(function() write(file, "x") end, source, "attempt to use a closed file")
    raises(function() write(file) end, source, "attempt to use a closed file")
  end)
end)
