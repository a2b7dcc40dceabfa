--- Manual, section 4: io in a box. Every read format of each Lua version, with and without the star, position shared
-- with the host exactly, closing that is virtual, and no files without a grant.

local helpers = require "spec.helpers"

-- Inputs that formats are tried on; one read each that matters for one format or another.
local INPUTS = {
  lines = "one\ntwo\n\nfour\nlast without newline",
  crlf = "dos\r\nline\r\n",
  empty = "",
  newlines = "\n\n\n",
  nul = "a\0b\nc\0\0\n\0",
  long = ("x"):rep(5000) .. "\n" .. ("y"):rep(20000) .. "\nend",
  numbers = "1 -2 +3 4.5 .5 5. 1e3 -1E-2 0x1F 0x.8p1 0xA.8 \n\t 7\n8,9 10x 11",
  words = "nan inf infinity 12abc 0xg 1e+ 1e5e5 -- - + . 0x 08 1_000",
  big = "9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 1e400 0xffffffffffffffff",
  digits = ("1"):rep(150) .. " " .. ("2"):rep(250) .. " 3",
  mixed = "5 five\n6 six\n7",
  binary = "\255\254\2\27Lua\127\128",
}

local FORMATS = {
  "'*l'", "'*L'", "'*a'", "'*n'", "'*line'", "'*all'", "'*number'", "'**l'", "'*x'", "'*'", "0", "1", "5", "100", "5000",
  "1e6", "2.5",
}
local WRONG = { "'5'", "''", "'x'", "nil", "{}", "true", "print" }
-- Stock Lua takes these without the star from 5.3 on, and LuaJIT; a box takes them everywhere.
local STARLESS = { "'l'", "'a'", "'n'", "'line'", "'all'", "'number'" }
local stock_starless = helpers.version >= 53 or helpers.is_jit
if stock_starless then
  for _, format in ipairs(STARLESS) do FORMATS[#FORMATS + 1] = format end
  FORMATS[#FORMATS + 1] = "'L'"
end
if helpers.version >= 53 then
  for _, format in ipairs(WRONG) do FORMATS[#FORMATS + 1] = format end
end
-- Where numbers are read by C's fscanf, how much of a word that is none it eats is glibc's own affair.
local by_scanf = helpers.version < 53
local NUMERIC = { numbers = true, words = true, mixed = true, big = true, digits = true, empty = true, newlines = true }
if by_scanf then INPUTS.words = "nan inf infinity 12" end
-- Before Lua 5.3 stock Lua and LuaJIT lose what follows a NUL in a line; a box doesn't.
if by_scanf then INPUTS.nul = nil end
local function comparable(name, formats)
  return NUMERIC[name] or not by_scanf or not formats:find("n'", 1, true)
end
-- Sequences of formats, given to one read each and all at once.
local SEQUENCES = {
  "'*l', '*l', '*l'", "'*n', '*n', '*n', '*n', '*n'", "'*n', '*l', '*n', '*l'", "1, '*l', 2, '*a'", "'*a', '*a', '*l', 0",
  "0, 0, 1, 0", "'*l', '*n', '*a'", "'*n', '*a'", "'*L', '*L', '*L', '*L', '*L', '*L', '*L'",
  "'*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n', '*n'",
  "'*l', '*l', '*l', '*l', '*l', '*l', '*l', '*a', '*l', 0",
}

if not by_scanf then SEQUENCES[#SEQUENCES + 1] = "3, 3, '*n', 3, '*n'" end

describe("reading in a box", function()
  after_each(helpers.tidy)

  for name, input in pairs(INPUTS) do
    it("gives what stock reads give on input: " .. name, function()
      local snippets = {}
      local function add(...)
        for i = 1, select("#", ...) do snippets[#snippets + 1] = (select(i, ...)) end
      end
      local function rewind() add("return io.stdin:seek('set')") end
      for _, formats in ipairs(FORMATS) do
        rewind()
        add("return io.read(" .. formats .. ")", "return io.stdin:seek()", "return io.read(" .. formats .. ")",
          "return io.stdin:read('*a')")
      end
      for _, formats in ipairs(SEQUENCES) do
        if comparable(name, formats) then
          rewind()
          add("return io.read(" .. formats .. ")", "return io.stdin:seek()")
          rewind()
          for format in formats:gmatch("[^, ]+") do add("return io.stdin:read(" .. format .. ")", "return io.stdin:seek()") end
        end
      end
      helpers.assert_as_stock(snippets, input)
    end)

    it("gives what stock lines give on input: " .. name, function()
      local snippets = {}
      local collect = "local all = {} for %s in %s do all[#all + 1] = { %s } end return all, io.stdin:seek()"
      local iterators = { "io.lines()", "io.stdin:lines()", "io.stdin:lines('*L')", "io.stdin:lines(3)", "io.stdin:lines('*n')",
        "io.stdin:lines('*l', 2)" }
      if helpers.version > 51 then
        iterators[#iterators + 1] = "io.lines(nil, 1)"
        iterators[#iterators + 1] = "io.lines(nil, '*L')"
      end
      if stock_starless then iterators[#iterators + 1] = "io.stdin:lines('L')" end
      for _, iterator in ipairs(iterators) do
        snippets[#snippets + 1] = "return io.stdin:seek('set')"
        snippets[#snippets + 1] = collect:format("a, b", iterator, "a, b")
      end
      helpers.assert_as_stock(snippets, input)
    end)
  end

  it("takes each format without the star too", function()
    local box = helpers.box()
    for name, input in pairs(INPUTS) do
      local handle = helpers.handle(input)
      box:stdin(handle)
      for _, format in ipairs(STARLESS) do
        local plain = format:gsub("'", "")
        local function read(with)
          handle:seek("set")
          local value = box:dostring("return (io.read(...))", with)
          return value ~= value and "nan" or value, handle:seek()
        end
        assert.same({ read("*" .. plain) }, { read(plain) }, name .. " " .. plain)
      end
      handle:close()
    end
  end)

  it("refuses what is no format", function()
    local box = helpers.box()
    local handle = helpers.handle("text")
    box:stdin(handle)
    for _, format in ipairs(WRONG) do
      local ok, message = box:dostring("return pcall(io.read, " .. format .. ")")
      assert.is_false(ok, format)
      assert.is_truthy(message:find("bad argument #1 to", 1, true), message)
    end
    assert.equal("text", handle:read("*a"))
    handle:close()
  end)

  it("refuses sizes that no memory holds", function()
    local box = helpers.box { memory = 4 * helpers.MiB }
    local handle = helpers.handle("short")
    box:stdin(handle)
    for _, size in ipairs { 2 ^ 30, 2 ^ 53, -1, -2 ^ 31, 0 / 0, 1 / 0 } do
      handle:seek("set")
      -- A short file has no need of the room: a result or an error, never the process' end.
      local ok, got = box:dostring("return pcall(io.read, ...)", size)
      assert.is_true(ok and (got == nil or #got <= 5) or not ok and type(got) == "string")
    end
    assert.equal("ready", (box:status()))
    handle:close()
  end)

  it("takes what the host left, byte for byte", function()
    local text = {}
    for i = 1, 500 do text[i] = ("line %d %s\n"):format(i, ("x"):rep(i % 40)) end
    text = table.concat(text)
    local box, handle = helpers.box(), helpers.handle(text)
    box:stdin(handle)
    local got, n = {}, 0
    while true do
      n = n + 1
      local piece
      if n % 3 == 0 then piece = handle:read(n % 17 + 1)
      elseif n % 3 == 1 then piece = box:dostring("return io.read(...)", n % 13 + 1)
      else piece = box:dostring("local l = io.read('*l') return l and l .. '\\n'") end
      if not piece then break end
      got[#got + 1] = piece
      assert.equal(#table.concat(got), handle:seek())
    end
    assert.equal(text, table.concat(got))
    handle:close()
  end)
end)

describe("io in a box", function()
  after_each(helpers.tidy)

  it("has these names and no others", function()
    local box = helpers.box()
    assert.equal("close flush getenv input lines open output read stderr stdin stdout type write", box:dostring([[
      local names = {} for k in pairs(io) do names[#names + 1] = k end table.sort(names) return table.concat(names, " ")]]))
  end)

  it("shows files as stock does, without an address", function()
    helpers.assert_as_stock {
      "return io.type(io.stdin), io.type(io.stdout), io.type(io.stderr)", "return io.type({}), io.type(5)", "return io.type()",
      "return type(io.stdin), io.stdin == io.stdin, io.stdin == io.stdout",
      "return io.input() == io.stdin, io.output() == io.stdout",
      "return tostring(io.stdin):match('^file %(') ~= nil",
      "return io.stdin.read == io.stdout.read, type(io.stdin.close), type(io.stdin.nosuchmethod)",
      "return io.stdin.read({})", "return io.stdin.read()",
      "return io.write({})", "return io.write(nil)", "return io.stdout:write(true)",
      "return io.stdin:seek('bogus')", "return io.stdin:seek('set', {})", "return io.stdin:setvbuf('bogus')",
      "return io.stdin:lines('x')", "return io.stdin:nosuchmethod()",
    }
  end)

  it("seeks as stock does, and sees the host's position", function()
    helpers.assert_as_stock({
      "return io.stdin:seek()", "return io.stdin:seek('end')", "return io.stdin:seek('set', 3), io.read(2)",
      "return io.stdin:seek('cur'), io.stdin:seek('cur', -2), io.read(1)", "return io.stdin:seek('set', -1)",
      "return io.stdin:seek('end', -4), io.read('*a')", "return io.stdin:seek('set'), io.read('*l')",
      "return io.stdin:seek('set', 2.5)", "return io.stdin:setvbuf('full', 1024)", "return io.stdin:setvbuf('no')",
    }, "0123456789\n")
  end)

  it("writes strings and numbers as stock does", function()
    local code = [[
      io.write(1, " ", 2.5, " ", -0.0, " ", 1e100, " ", 2^53, " ", 1/0, " ", 10 / 2, "\n")
      io.write()
      io.write("", "a\0b", ("x"):rep(100000), "\n")
      io.stdout:write("method ", 1, "\n")
      io.write(tostring((io.write("x")) ~= nil), type(io.write("")), "\n")
      io.stdout:setvbuf("no")
      io.write(string.format("%5.1f|%d", 3.14159, 42), "\n")
      io.stdout:flush()
      io.output():write("by output\n")
      for i = 1, 1000 do io.write(i, i % 10 == 0 and "\n" or " ") end]]
    helpers.assert_prints_as_stock(code)
  end)

  it("reaches no files without a grant", function()
    local box = helpers.box()
    local path = helpers.file("reached\n")
    for _, mode in ipairs { "r", "w", "a", "r+", "w+", "rb" } do
      for _, name in ipairs { path, "/etc/passwd", "/dev/null", "/proc/self/maps", "relative", "/tmp/new-file-of-a-box", "..", "" } do
        local file, message, errno = box:dostring("local f, m, e = io.open(...) return f and 'opened', m, e", name, mode)
        assert.is_nil(file, name)
        assert.is_truthy(message:find(name, 1, true), message)
        assert.is_number(errno)
      end
    end
    for _, code in ipairs { "io.lines(...)", "io.input(...)", "io.output(...)" } do
      assert.is_false(box:dostring("return (pcall(function(...) return " .. code .. " end, ...))", path), code)
    end
    local file = assert(io.open(path))
    assert.equal("reached\n", file:read("*a"))
    file:close()
    assert.is_nil(io.open("/tmp/new-file-of-a-box"))
  end)

  it("refuses misuse of io.open in stock wording", function()
    helpers.assert_as_stock { "return io.open()", "return io.open({})", "return io.open('name', {})" }
    if helpers.version > 51 then helpers.assert_as_stock { "return io.open('name', 'bogus')" } end
  end)

  it("takes its own streams as input and output", function()
    local box = helpers.box()
    local handle = helpers.handle("one\ntwo\n")
    box:stdin(handle)
    local out, err = helpers.captured(box), helpers.captured(box, "stderr")
    assert.equal("one", box:dostring([[
      io.output(io.stderr)
      io.write("to stderr") print("to stdout")
      io.output(io.stdout)
      io.write("to stdout too")
      io.input(io.stdin)
      return io.read("*l")]]))
    assert.equal("to stdout\nto stdout too", out())
    assert.equal("to stderr", err())
    handle:close()
  end)

  it("closes its streams for the box alone", function()
    local box = helpers.box()
    local handle = helpers.handle("one\ntwo\n")
    box:stdin(handle)
    assert.equal("closed file", box:dostring("io.stdin:close() return io.type(io.stdin)"))
    assert.equal("file", io.type(handle))
    local messages = box:dostring([[
      local all = {}
      for _, f in ipairs { function() io.stdin:read() end, function() io.stdin:seek() end, function() io.stdin:lines() end,
        function() io.stdin:close() end } do
        local ok, message = pcall(f)
        all[#all + 1] = ok and "passed" or message:match("closed file") or message
      end
      return table.concat(all, ",")]])
    assert.equal("closed file,closed file,closed file,closed file", messages)
    assert.is_truthy(box:dostring("return tostring(io.stdin)"):find("closed", 1, true))
    assert.equal("one", handle:read("*l"))
    handle:close()
  end)

  it("closes the default output with io.close", function()
    local box = helpers.box()
    local text = helpers.captured(box)
    box:dostring("io.write('before') io.close()")
    assert.is_false(box:dostring("return (pcall(io.write, 'x'))"))
    assert.equal("before", text())
    assert.equal("file", io.type(box:stdout()))
  end)

  it("reads and writes in coroutines, and in callbacks of the host", function()
    local box = helpers.box()
    local handle = helpers.handle("1\n2\n3\n4\n")
    box:stdin(handle)
    local text = helpers.captured(box)
    box:set("through", function(f) return f() end)
    assert.equal("12", box:dostring([[
      local read = coroutine.wrap(function() while true do coroutine.yield(io.read("*l")) end end)
      io.write("a")
      through(function() io.write("b") end)
      coroutine.wrap(function() io.write("c") end)()
      return read() .. read()]]))
    assert.equal("3", handle:read("*l"))
    assert.equal("abc", text())
    handle:close()
  end)
end)
