-- sandbox.newstream: a stock file handle over functions (manual, section 5). What careless hosts do with one is in
-- 06-newstream_careless_spec.lua.

local sandbox = require "sandbox"
local newstream = sandbox.newstream

local JIT = rawget(_G, "jit") ~= nil
local VERSION = tonumber(_VERSION:match("%d%.%d"))

-- A writer that keeps what it gets, and a function that gives all of it.
local function sink()
  local pieces = {}
  return function(s) pieces[#pieces + 1] = s end, function() return table.concat(pieces) end, pieces
end

-- A reader that gives the pieces, one each call, then nil.
local function source(pieces)
  local i = 0
  return function() i = i + 1; return pieces[i] end
end

local function pack(...) return { n = select("#", ...), ... } end

describe("newstream", function()
  it("takes functions and nil, and names any other argument", function()
    assert.equal("file", io.type(newstream()))
    assert.equal("file", io.type(newstream(nil, nil, nil)))
    local f = function() end
    for i, arguments in ipairs { pack(5), pack(nil, "x"), pack(f, f, {}), pack(false) } do
      local kind = type(arguments[arguments.n])
      local ok, message = pcall(function() sandbox.newstream((table.unpack or unpack)(arguments, 1, arguments.n)) end)
      assert.is_false(ok, i)
      assert.matches("bad argument #" .. arguments.n .. " to 'newstream' %(function expected, got " .. kind .. "%)", message)
    end
  end)

  it("gives the stock file type", function()
    local f = newstream()
    assert.equal("userdata", type(f))
    assert.equal("file", io.type(f))
    assert.matches("^file %(0x", tostring(f))
    assert.equal(getmetatable(io.stdout), getmetatable(f))
    f:close()
    assert.equal("closed file", io.type(f))
    assert.equal("file (closed)", tostring(f))
    assert.has_error(function() f:read(1) end, "attempt to use a closed file")
  end)

  it("is a null device without reader and writer", function()
    local f = newstream()
    assert.is_nil(f:read("*l"))
    assert.equal("", f:read("*a"))
    assert.truthy(f:write(("x"):rep(100000), 1, "y"))
    assert.truthy(f:flush())
    assert.is_nil(f:read(1))
    assert.is_true(f:close())
  end)

  it("refuses what it has no function for, as stock does", function()
    local f = newstream(function() return "x" end)
    local ok, message, errno = f:write("y")
    assert.same({ nil, "Bad file descriptor", 9 }, { ok, message, errno })
    assert.equal("x", f:read(1))
    f = newstream(nil, function() end)
    local text
    text, message, errno = f:read(1)
    assert.same({ nil, "Bad file descriptor", 9 }, { text, message, errno })
    assert.truthy(f:write("y"))
    assert.is_true(f:close())
  end)
end)

describe("a stream's reader", function()
  it("gets a size as a hint and may return any length", function()
    local sizes, long = {}, ("0123456789"):rep(100000)
    local pieces = source { "a", long, 42, 1.5, "", "never" }
    local f = newstream(function(size) sizes[#sizes + 1] = size; return pieces() end)
    local text = f:read("*a")
    assert.equal(#long + 6, #text)
    assert.equal("a" .. long .. "421.5", text)
    assert.equal(5, #sizes)
    for _, size in ipairs(sizes) do
      assert.is_true(size > 0 and size == math.floor(size))
    end
  end)

  it("is asked again after the end, as a terminal is", function()
    local f = newstream(source { "one\n", "", "two\n" })
    assert.equal("one", f:read("*l"))
    assert.is_nil(f:read("*l"))
    assert.equal("two", f:read("*l"))
    assert.is_nil(f:read("*l"))
  end)

  it("feeds every format as a stock file does", function()
    local text = "12 0x1F -3.5e2 nope\nline two\n\nlast\0line\r\nno end"
    local formats = { "*n", "*l", "*a", 0, 1, 5, 100 }
    if VERSION >= 5.2 or JIT then formats[#formats + 1] = "*L" end
    if VERSION >= 5.3 then for _, name in ipairs { "n", "l", "L", "a" } do formats[#formats + 1] = name end end
    local seed = 7
    local function random(n) seed = (seed * 16807) % 2147483647; return seed % n + 1 end
    for round = 1, 200 do
      local file, pieces, at = io.tmpfile(), {}, 1
      file:write(text); file:seek("set")
      while at <= #text do
        local size = random(9)
        pieces[#pieces + 1] = text:sub(at, at + size - 1)
        at = at + size
      end
      local f = newstream(source(pieces))
      for step = 1, 8 do
        local a, b = formats[random(#formats)], formats[random(#formats)]
        assert.same(pack(file:read(a, b)), pack(f:read(a, b)), round .. "." .. step)
      end
      file:close(); f:close()
    end
  end)

  it("feeds lines, from the handle and from io", function()
    local lines = {}
    for line in newstream(source { "a\nb", "b\n", "\nc" }):lines() do lines[#lines + 1] = line end
    assert.same({ "a", "bb", "", "c" }, lines)
    local before = io.input()
    io.input(newstream(source { "x\ny\n", "z" }))
    assert.equal("x", io.read("*l"))
    lines = {}
    for line in io.lines() do lines[#lines + 1] = line end
    io.input():close()
    io.input(before)
    assert.same({ "y", "z" }, lines)
  end)

  it("makes the read fail when it fails or returns something else", function()
    for _, bad in ipairs {
      function() error("no") end, function() error({}) end, function() error() end, function() return {} end,
      function() return true end, function() return false end, function() return print end,
      function() return nil, "no such thing" end, function() return setmetatable({}, { __tostring = error }) end,
    } do
      local f = newstream(bad)
      for _, format in ipairs { "*l", "*a", 10, "*n" } do
        assert.same({ n = 3, nil, "Input/output error", 5 }, pack(f:read(format)))
      end
      assert.has_error(function() for _ in f:lines() do error("not reached") end end, "Input/output error")
      assert.is_true(f:close())
    end
  end)

  it("passes on why another stream fails", function()
    local broken = newstream(function() return nil, "No such device", 19 end)
    local f = newstream(function(size) return broken:read(size) end)
    assert.same({ n = 3, nil, "No such device", 19 }, pack(f:read(1)))
  end)

  it("recovers after a failure", function()
    local n = 0
    local f = newstream(function() n = n + 1; if n == 2 then error("once") end; return n .. "\n" end)
    assert.equal("1", f:read("*l"))
    assert.is_nil((f:read("*l")))
    assert.equal("3", f:read("*l"))
  end)
end)

describe("a stream's writer", function()
  it("gets everything in order, at flush and close at the latest", function()
    local writer, all, pieces = sink()
    local f = newstream(nil, writer)
    assert.truthy(f:write("a", 1, 2.5, "\0b"))
    assert.equal(0, #pieces)
    f:flush()
    assert.equal("a12.5\0b", all())
    f:write(("x"):rep(100000))
    f:write("end")
    assert.is_true(f:close())
    assert.equal("a12.5\0b" .. ("x"):rep(100000) .. "end", all())
  end)

  it("follows setvbuf", function()
    local writer, all, pieces = sink()
    local f = newstream(nil, writer)
    assert.is_true(f:setvbuf("no"))
    f:write("a"); f:write("b")
    assert.same({ "a", "b" }, pieces)
    assert.is_true(f:setvbuf("line"))
    f:write("c"); assert.equal("ab", all())
    f:write("d\n"); assert.equal("abcd\n", all())
    f:close()
    f = newstream(nil, writer)
    assert.is_true(f:setvbuf("full", 1024))
    f:write("e\n"); assert.equal("abcd\n", all())
    f:close(); assert.equal("abcd\ne\n", all())
  end)

  it("makes write, flush and close fail with what it raises; results don't matter", function()
    local failure = { n = 3, nil, "Input/output error", 5 }
    for _, bad in ipairs { function() error("no") end, function() error() end, function() error({}) end } do
      local f = newstream(nil, bad)
      assert.truthy(f:write("x"))
      assert.same(failure, pack(f:flush()))
      f:write("y")
      assert.same(failure, pack(f:close()))
      assert.equal("closed file", io.type(f))
    end
    for _, result in ipairs { false, "x", 0 } do
      local f = newstream(nil, function() return result end)
      f:write("x")
      assert.truthy(f:flush())
      assert.is_true(f:close())
    end
  end)

  it("makes write, flush and close fail as another stream's did, if its writer passes that on", function()
    for _, bad in ipairs { { "Broken pipe", 32, 32 }, { "odd", "x", 5 }, { 7, 1e9, 5 }, { "alone", nil, 5 } } do
      local f = newstream(nil, function() return nil, bad[1], bad[2] end)
      f:write("x")
      local ok, message, number = f:flush()
      assert.is_nil(ok)
      assert.equal("string", type(message))
      assert.equal(bad[3], number)
      f:close()
    end
  end)

  it("makes a write without buffer fail; on LuaJIT, where it runs just after the write, the next one", function()
    local failure = { n = 3, nil, "Input/output error", 5 }
    local f = newstream(nil, function() error("no") end)
    f:setvbuf("no")
    if JIT then assert.is_true(f:write("x")) end
    assert.same(failure, pack(f:write("y")))
    f = newstream(nil, function() error("no") end)
    f:setvbuf("no")
    f:write("x")
    if JIT then assert.same(failure, pack(f:close())) else assert.is_true(f:close()) end
  end)

  it("serves io.output, io.write and io.close", function()
    local writer, all = sink()
    local before = io.output()
    local f = newstream(nil, writer)
    io.output(f)
    local ok, message = pcall(function()
      io.write("a", 1)
      io.flush()
      assert(all() == "a1", all())
      io.write("b")
      assert(io.close() == true)
    end)
    io.output(before)
    assert.is_true(ok, message)
    assert.equal("a1b", all())
    assert.equal("closed file", io.type(f))
  end)

  it("gets 10^6 writes of each kind from hot loops, every byte in order", function()
    -- Nothing is compiled on PUC Lua, where a tenth of it does.
    local n, ways = JIT and 1000000 or 100000, {
      function(f, i) f:write(i, "\n") end,
      function(_, i) io.write(i, "\n") end,
      function(f, i) io.stdout.write(f, i, "\n") end,
      function(f, i) assert(f:write(i, "\n")); if i % 1000 == 0 then f:flush() end end,
      function(_, i) io.write(i, "\n"); if i % 1000 == 0 then assert(io.flush()) end end,
    }
    local lines = {}
    for i = 1, n do lines[i] = i .. "\n" end
    local expected = table.concat(lines)
    for number, way in ipairs(ways) do
      local writer, all = sink()
      local f = newstream(nil, writer)
      local before = io.output()
      io.output(f)
      local ok, message = pcall(function() for i = 1, n do way(f, i) end end)
      io.output(before)
      assert.is_true(ok, message)
      assert.is_true(f:close())
      -- Not assert.equal, which would print both.
      assert.is_true(all() == expected, number)
    end
  end)
end)

describe("a stream's cleaner", function()
  it("is called once, when the handle is closed or collected", function()
    local count = 0
    local function cleaner(...) count = count + 1 + select("#", ...) end
    local f = newstream(nil, nil, cleaner)
    assert.is_true(f:close())
    assert.equal(1, count)
    assert.has_error(function() f:close() end)
    f = nil -- luacheck: ignore
    collectgarbage(); collectgarbage()
    assert.equal(1, count)
    do local _ = newstream(function() end, nil, cleaner) end
    collectgarbage(); collectgarbage()
    assert.equal(2, count)
  end)

  it("comes after the last write, also when that fails", function()
    local log = {}
    local f = newstream(nil, function(s) log[#log + 1] = s; if s == "bad" then error(s) end end,
      function() log[#log + 1] = "cleaned" end)
    f:write("bad")
    assert.same({ n = 3, nil, "Input/output error", 5 }, pack(f:close()))
    assert.same({ "bad", "cleaned" }, log)
    do local g = newstream(nil, function(s) log[#log + 1] = s end, function() log[#log + 1] = "cleaned" end); g:write("good") end
    collectgarbage(); collectgarbage()
    assert.same({ "bad", "cleaned", "good", "cleaned" }, log)
  end)

  it("may fail, which the close tells", function()
    local f = newstream(nil, nil, function() error("no") end)
    assert.same({ n = 3, nil, "Input/output error", 5 }, pack(f:close()))
    assert.equal("closed file", io.type(f))
  end)

  it("is called at the end of a scope", function()
    if VERSION < 5.4 then pending("to-be-closed variables came with Lua 5.4"); return end
    local count = 0
    local load_text = rawget(_G, "load")
    local scope = assert(load_text("local newstream, cleaner = ... do local f <close> = newstream(nil, nil, cleaner) end"))
    scope(newstream, function() count = count + 1 end)
    assert.equal(1, count)
  end)
end)

describe("a stream with reader and writer", function()
  it("takes reads and writes in any order without harm", function()
    local seed = 11
    local function random(n) seed = (seed * 16807) % 2147483647; return seed % n + 1 end
    for round = 1, 60 do
      local given, total, taken, writer, all = {}, 0, {}, sink()
      local f = newstream(function()
        if total >= 60000 then return nil end
        local piece = {}
        for i = 1, random(round % 3 == 0 and 9000 or 40) do piece[i] = string.char(96 + (total + i) % 26) end
        piece = table.concat(piece)
        total = total + #piece
        given[#given + 1] = piece
        return piece
      end, writer)
      local written = {}
      if round % 4 == 0 then f:setvbuf("no") end
      for i = 1, 400 do
        local what = random(5)
        if what <= 2 then
          taken[#taken + 1] = f:read(random(50)) or ""
        elseif what <= 4 then
          local text = i .. "," .. (random(20) == 1 and ("w"):rep(9000) or "")
          written[#written + 1] = text
          assert.truthy(f:write(text))
        else
          assert.truthy(f:flush())
        end
      end
      taken[#taken + 1] = f:read("*a")
      assert.is_true(f:close())
      assert.is_true(table.concat(given) == table.concat(taken), round)
      assert.is_true(table.concat(written) == all(), round)
    end
  end)

  it("has no position", function()
    local f = newstream(source { "abcdef" }, function() end)
    for _ = 1, 2 do
      for _, arguments in ipairs { pack(), pack("cur", 0), pack("cur", -1), pack("cur", 1), pack("set", 0), pack("end", 0) } do
        assert.same({ n = 3, nil, "Illegal seek", 29 }, pack(f:seek((table.unpack or unpack)(arguments, 1, arguments.n))))
      end
      f:write("x")
    end
    assert.equal("abc", f:read(3))
    assert.same({ n = 3, nil, "Illegal seek", 29 }, pack(f:seek("cur", 0)))
  end)
end)
