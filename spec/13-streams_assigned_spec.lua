--- Manual, section 2: stdin, stdout, stderr and env of a box; section 5: streams given to boxes.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

describe("box:stdin, box:stdout and box:stderr", function()
  after_each(helpers.tidy)

  it("give nothing before any assignment", function()
    local box = helpers.box()
    for _, name in ipairs { "stdin", "stdout", "stderr" } do assert.is_nil(box[name](box), name) end
  end)

  it("return the handle assigned, and give it back later", function()
    local box = helpers.box()
    for _, name in ipairs { "stdin", "stdout", "stderr" } do
      local handle = helpers.handle("", "r+b")
      assert.equal(handle, box[name](box, handle), name)
      assert.equal(handle, box[name](box), name)
      assert.equal(handle, box[name](box), name)
      assert.is_nil(box[name](box, nil), name)
      assert.is_nil(box[name](box), name)
      handle:close()
    end
  end)

  it("act like /dev/null without a handle, also before any assignment", function()
    for _, assign in ipairs { false, true } do
      local box = helpers.box()
      if assign then box:stdin(nil) box:stdout(nil) box:stderr(nil) end
      assert.is_nil(box:dostring("return io.read('*l')"))
      assert.equal("", box:dostring("return io.read('*a')"))
      assert.is_nil(box:dostring("return io.read(0)"))
      assert.equal(0, box:dostring("local n = 0 for _ in io.lines() do n = n + 1 end return n"))
      assert.is_true(box:dostring("print('x') return not not io.write('x', 1)"))
      assert.is_true(box:dostring("return not not io.stderr:write('x')"))
      assert.is_true(box:dostring("return not not io.stdout:flush()"))
    end
  end)

  it("refuse what is no open file", function()
    local box = helpers.box()
    local closed = helpers.handle("")
    closed:close()
    for _, name in ipairs { "stdin", "stdout", "stderr" } do
      raises(function() box[name](box, 5) end, "got number")
      raises(function() box[name](box, {}) end, "got table")
      raises(function() box[name](box, box) end)
      raises(function() box[name](box, closed) end, "closed")
    end
    raises(function() box:stdout("name") end, "bad argument #1 to 'stdout'")
  end)

  it("share the position and the buffer with the host exactly", function()
    local box = helpers.box()
    local handle = helpers.handle("one\ntwo\nthree\nfour\nfive six\nseven")
    box:stdin(handle)
    assert.equal("one", handle:read("*l"))
    assert.equal("two", box:dostring("return io.read('*l')"))
    assert.equal("thr", handle:read(3))
    assert.equal("ee", box:dostring("return io.read('*l')"))
    assert.equal("f", box:dostring("return io.read(1)"))
    assert.equal(18 - 3, handle:seek())
    assert.equal("our", handle:read("*l"))
    assert.equal("five ", box:dostring("return io.read(5)"))
    assert.equal("six", handle:read("*l"))
    assert.equal("seven", box:dostring("return io.read('*a')"))
    assert.is_nil(handle:read("*l"))
    handle:close()
  end)

  it("share the position after numbers were read", function()
    local box = helpers.box()
    local handle = helpers.handle("12 0x1F -3.5e1xyz")
    box:stdin(handle)
    assert.equal(12, box:dostring("return io.read('*n')"))
    assert.equal(31, handle:read("*n"))
    assert.equal(-35, box:dostring("return io.read('*n')"))
    assert.equal("xyz", handle:read("*a"))
    handle:close()
  end)

  it("keep what host and box write in order", function()
    local box = helpers.box()
    local path = helpers.file("")
    local handle = assert(io.open(path, "w"))
    box:stdout(handle)
    box:stderr(handle)
    for i = 1, 50 do
      handle:write("host ", i, "\n")
      box:dostring("print('box', ...) io.stderr:write('error ', ..., '\\n')", i)
    end
    handle:close()
    local expected = {}
    for i = 1, 50 do expected[i] = ("host %d\nbox\t%d\nerror %d\n"):format(i, i, i) end
    local file = assert(io.open(path))
    assert.equal(table.concat(expected), file:read("*a"))
    file:close()
  end)

  it("let two boxes share one handle", function()
    local a, b = helpers.box(), helpers.box()
    local handle = helpers.handle("1\n2\n3\n4\n")
    a:stdin(handle)
    b:stdin(handle)
    local read = "return (io.read('*l'))"
    assert.equal("1", a:dostring(read))
    assert.equal("2", b:dostring(read))
    assert.equal("3", a:dostring(read))
    assert.equal("4", b:dostring(read))
    handle:close()
  end)

  it("let one handle be a box's stdin and stdout", function()
    local box = helpers.box()
    local handle = helpers.handle("in\n", "r+b")
    box:stdin(handle)
    box:stdout(handle)
    assert.equal("in", box:dostring("local line = io.read('*l') io.stdout:seek('end') print('out') return line"))
    handle:seek("set")
    assert.equal("in\nout\n", handle:read("*a"))
    handle:close()
  end)

  it("may be assigned anew between calls and during one", function()
    local box = helpers.box()
    local first = helpers.captured(box)
    box:dostring("print 'one'")
    local second = helpers.captured(box)
    box:dostring("print 'two'")
    assert.equal("one\n", first())
    assert.equal("two\n", second())
    local third
    box:set("switch", function() third = helpers.captured(box) end)
    box:dostring("print 'three' switch() print 'four' io.write('five') io.stdout:write('six')")
    assert.equal("two\nthree\n", second())
    assert.equal("four\nfivesix", third())
  end)

  it("keep a handle that the host lost", function()
    local box, path = helpers.box(), helpers.file("")
    box:stdout(assert(io.open(path, "w")))
    collectgarbage() collectgarbage()
    box:dostring("print 'still here'")
    box:stdout():close()
    local file = assert(io.open(path))
    assert.equal("still here\n", file:read("*a"))
    file:close()
  end)

  it("are ordinary errors once the host closed the handle", function()
    local box = helpers.box()
    local input, output = helpers.handle("text\n"), helpers.handle("", "w")
    box:stdin(input)
    box:stdout(output)
    input:close()
    output:close()
    for _, code in ipairs { "io.read('*l')", "io.stdin:read('*a')", "io.write('x')",
      "io.stdout:write('x')", "io.stdout:flush()", "io.stdout:seek()" } do
      local ok, got = box:dostring("return pcall(function() return not not " .. code .. " end)")
      assert.is_true(not ok or not got, code)
    end
    box:dostring("print 'x'")
    assert.equal("ready", (box:status()))
    local text = helpers.captured(box)
    box:dostring("print 'again'")
    assert.equal("again\n", text())
  end)

  it("are closed for the box alone when the box closes them", function()
    local box = helpers.box()
    local input = helpers.handle("one\ntwo\n")
    box:stdin(input)
    local text = helpers.captured(box)
    box:dostring("io.write('before') io.stdin:close() io.stdout:close()")
    assert.equal("file", io.type(input))
    assert.equal("one", input:read("*l"))
    assert.equal("file", io.type(box:stdout()))
    assert.equal("before", text())
    assert.equal("closed file closed file", box:dostring("return io.type(io.stdin) .. ' ' .. io.type(io.stdout)"))
    assert.is_false(box:dostring("return (pcall(io.stdin.read, io.stdin))"))
    assert.is_false(box:dostring("return (pcall(io.stdout.write, io.stdout, 'x'))"))
    box:stdout():write(" after")
    assert.equal("before after", text())
    input:close()
  end)

  it("fail as stock handles do where the system refuses", function()
    local box = helpers.box()
    box:stdout(helpers.handle(""))
    local ok, message, errno = box:dostring("return io.write('x')")
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal(9, errno)
    box:stdin(helpers.handle("", "w"))
    local _, text, number = box:dostring("return io.read('*l')")
    assert.is_string(text)
    assert.equal(9, number)
    box:stdout(assert(io.open("/dev/full", "w")))
    _, message, errno = box:dostring("return io.write(('x'):rep(2^20))")
    assert.is_string(message)
    assert.equal(28, errno)
  end)

  it("take a newstream", function()
    local box, written = helpers.box(), {}
    local lines = { "first\n", "sec", "ond\n" }
    box:stdin(sandbox.newstream(function() return table.remove(lines, 1) end))
    local out = sandbox.newstream(nil, function(s) written[#written + 1] = s end)
    box:stdout(out)
    assert.equal("first,second", box:dostring("return io.read('*l') .. ',' .. io.read('*l')"))
    assert.is_nil(box:dostring("return io.read('*l')"))
    box:dostring("print('hello', 1) io.write('bye')")
    out:flush()
    assert.equal("hello\t1\nbye", table.concat(written))
  end)

  it("take a newstream whose function fails, as an error of the stream", function()
    local box = helpers.box()
    box:stdin(sandbox.newstream(function() error("broken pipe dream") end))
    local ok, message = box:dostring("return io.read('*l')")
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal("ready", (box:status()))
  end)

  it("take a newstream whose function uses the box", function()
    local box = helpers.box()
    local n = 0
    box:stdin(sandbox.newstream(function()
      n = n + 1
      return n < 4 and box:dostring("return 'line ' .. ... .. '\\n'", n) or nil
    end))
    assert.equal("line 1,line 2,line 3", box:dostring([[
      local all = {} for line in io.lines() do all[#all + 1] = line end return table.concat(all, ',')]]))
  end)
end)

describe("box:env", function()
  after_each(helpers.tidy)

  it("is empty at first and hides the process' own environment", function()
    local box = helpers.box()
    assert.is_truthy(os.getenv("PATH"))
    for _, name in ipairs { "PATH", "HOME", "LUA_CPATH", "PWD" } do
      assert.is_nil(box:dostring("return os.getenv(...)", name))
      assert.is_nil(box:dostring("return io.getenv(...)", name))
    end
  end)

  it("answers from a table", function()
    local box = helpers.box()
    box:env { HOME = "/inside", EMPTY = "" }
    assert.equal("/inside", box:dostring("return os.getenv('HOME')"))
    assert.equal("/inside", box:dostring("return io.getenv('HOME')"))
    assert.equal("", box:dostring("return os.getenv('EMPTY')"))
    assert.is_nil(box:dostring("return os.getenv('PATH')"))
    assert.equal(1, box:dostring("return select('#', os.getenv('PATH'))"))
  end)

  it("answers from a function, asked each time", function()
    local box, asked = helpers.box(), {}
    box:env(function(name)
      asked[#asked + 1] = name
      if name ~= "NONE" then return name .. #asked end
    end)
    assert.equal("A1", box:dostring("return os.getenv('A')"))
    assert.equal("B2", box:dostring("return os.getenv('B')"))
    assert.is_nil(box:dostring("return os.getenv('NONE')"))
    assert.equal("A4", box:dostring("return io.getenv('A')"))
    assert.same({ "A", "B", "NONE", "A" }, asked)
  end)

  it("gives the current one, and nil makes it empty", function()
    local box, t, f = helpers.box(), { A = "1" }, function() return "2" end
    box:env(t)
    assert.equal("1", box:env().A)
    assert.equal("1", box:dostring("return os.getenv('A')"))
    box:env(f)
    assert.equal(f, box:env())
    assert.equal("2", box:dostring("return os.getenv('A')"))
    box:env(nil)
    assert.is_nil(box:dostring("return os.getenv('A')"))
  end)

  it("makes what the function raises, or wrongly gives, no more than an error or nil", function()
    local box = helpers.box()
    box:env(function(name) if name == "BAD" then return {} end error("no " .. name) end)
    local ok, message = box:dostring("return pcall(os.getenv, 'A')")
    assert.is_false(ok)
    assert.is_truthy(tostring(message):find("no A", 1, true))
    local fine, got = box:dostring("return pcall(os.getenv, 'BAD')")
    assert.is_true(not fine or got == nil)
    assert.equal("ready", (box:status()))
  end)

  it("refuses what is neither table nor function", function()
    local box = helpers.box()
    raises(function() box:env(5) end, "bad argument #1 to 'env'", "got number")
    raises(function() box:env("PATH") end, "bad argument #1 to 'env'", "got string")
  end)
end)
