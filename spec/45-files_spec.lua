--- Manual, section 6: directories of the host, granted to a box. Files in every mode and format as stock; nothing outside the
-- directories; read-only unless granted otherwise; open files and bytes written are counted.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local content, tree = helpers.content, helpers.tree

-- What `io.open` gave: "file", or the message and the number.
local OPEN = "local f, m, e = io.open(...) if f then f:close() return 'file' end return m, e"

describe("files granted to a box", function()
  after_each(helpers.tidy)

  -- The same names inside as outside, so that the stock interpreter can run the same code.
  local function as_stock(snippets, files)
    local path = tree(files)
    for i, snippet in ipairs(snippets) do snippets[i] = ("local dir = %q .. '/' "):format(path) .. snippet end
    helpers.assert_as_stock(snippets, nil, helpers.box { files = { [path] = { path = path, write = true } } })
  end

  it("are opened in every mode as stock, messages included", function()
    local snippets = {}
    for _, mode in ipairs { "r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "r+b", "w+b", "a+b" } do
      local name = "f" .. mode:gsub("%+", "p")
      snippets[#snippets + 1] = ([[
        local name, mode = dir .. %q, %q
        local results = {}
        local function note(...) results[#results + 1] = { n = select("#", ...), ... } end
        for _, start in ipairs { "0123456789\nsecond\n", false } do
          os = os or {}
          local seed = start and assert(io.open(name, "w"))
          if seed then seed:write(start) seed:close() end
          local f, message, number = io.open(name, mode)
          note(f ~= nil, message, number)
          if f then
            note(f:seek())
            note(f:read(3))
            note(f:seek("cur"))
            if f:seek("cur", 0) then note((f:write("AB", 1)) ~= nil) end
            f:flush()
            note(f:seek())
            note(f:seek("end"))
            note(f:seek("set", 2))
            note(f:read("*a"))
            note(f:close())
          end
          local check = io.open(name)
          note(check and check:read("*a"))
          if check then check:close() end
        end
        return results]]):format(name, mode)
    end
    as_stock(snippets)
  end)

  it("raise and fail as stock where they can't be opened", function()
    local snippets = {
      "return io.open(dir .. 'missing')",
      "return io.open(dir .. 'missing/a', 'w')",
      "return io.open(dir .. 'a.txt/b')",
      "return io.open(dir, 'w')",
      "return pcall(function() return io.lines(dir .. 'missing') end)",
      "return pcall(function() return io.input(dir .. 'missing') end)",
      "return pcall(function() return io.output(dir .. 'missing/a') end)",
      "return loadfile(dir .. 'missing')",
      "return loadfile(dir)",
      "return pcall(dofile, dir .. 'missing')",
      "return pcall(dofile, dir .. 'bad.lua')",
      "return loadfile(dir .. 'bad.lua')",
      "return io.open(dir .. ('x'):rep(300))",
      "return io.open(dir .. ('x/'):rep(3000))",
      "local f = assert(io.open(dir .. 'a.txt')) return f:write('x')",
      "local f = assert(io.open(dir .. 'a.txt', 'a')) return f:read(1)",
      "local f = assert(io.open(dir .. 'a.txt')) return f:seek('set', -1)",
      "local f = assert(io.open(dir .. 'a.txt')) return f:seek('cur', -1)",
      "local f = assert(io.open(dir .. 'a.txt')) return pcall(f.seek, f, 'nowhere')",
      "local f = assert(io.open(dir .. 'a.txt')) f:close() return pcall(f.read, f)",
      "local f = assert(io.open(dir .. 'a.txt')) f:close() return pcall(io.lines, f)",
    }
    if helpers.version == 51 then snippets[#snippets + 1] = "return io.open(dir .. 'a.txt', 'z')" end
    as_stock(snippets, { ["a.txt"] = "text", ["bad.lua"] = "return 1 +" })
  end)

  it("are read by every format, by lines, and as default input", function()
    local text = "one\n2 0x1F -1.5e2 end\n\nfive" .. ("x"):rep(10000) .. "\nlast"
    as_stock({
      "local f = io.open(dir .. 'a') return f:read('*l', '*n', '*n', '*n', '*l', '*l', 4, 0, '*l', '*l', '*l', 0)",
      "local f = io.open(dir .. 'a') return f:read('*a'), f:read('*a'), f:read('*l'), f:read(1)",
      "local f = io.open(dir .. 'a') return #f:read(7000), #f:read(70000), f:read(1)",
      "local t = {} for line in io.lines(dir .. 'a') do t[#t + 1] = line end return t",
      "local t = {} for line in io.open(dir .. 'a'):lines() do t[#t + 1] = line end return t",
      "local next = io.lines(dir .. 'a') while next() do end return pcall(function() return next() end)",
      "io.input(dir .. 'a') local t = { io.read('*l'), io.read(3) } io.close(io.input()) return t, pcall(io.read)",
      "local f = io.open(dir .. 'a') f:read('*l') f:seek('cur', 2) local a = f:read(4) f:seek('end', -4) return a, f:read('*a'), f:seek()",
      "return io.type(io.open(dir .. 'a')), tostring(io.open(dir .. 'a')):match('^file %(0x') ~= nil",
      "local f = io.open(dir .. 'a') f:close() return io.type(f), tostring(f), pcall(f.close, f)",
      "return io.open(dir .. 'a'):setvbuf('full', 1024)",
      helpers.version > 51 and "local t = {} for a, b in io.lines(dir .. 'a', 1, 2) do t[#t + 1] = a .. (b or '') end return #t, t[1]"
        or "return 1",
    }, { a = text })
  end)

  it("are written to in order with what is read, and by io.write", function()
    as_stock {
      [[local f = io.open(dir .. 'a', 'w+') f:write('one\ntwo\nthree\n') f:seek('set') local line = f:read('*l')
        f:seek('cur', 0) f:write('TWO') f:seek('cur', 0) local rest = f:read('*a') f:seek('set') return line, rest, f:read('*a')]],
      [[local old = io.output() io.output(dir .. 'b') io.write('x', 1, 2.5, '\n') io.close() io.output(old)
        return io.open(dir .. 'b'):read('*a')]],
      [[local f = io.open(dir .. 'c', 'w') local g = io.open(dir .. 'c', 'a') f:write('12345') f:flush() g:write('end') g:flush()
        f:write('6') f:close() g:close() return io.open(dir .. 'c'):read('*a')]],
      [[local f = io.open(dir .. 'd', 'w') f:seek('set', 5) f:write('x') f:close() return io.open(dir .. 'd'):read('*a')]],
    }
  end)

  it("write through at once: the host sees them without a close", function()
    local path = tree()
    local box = helpers.box { files = { ["/"] = { path = path, write = true } } }
    box:dostring("f = io.open('log', 'w') f:write('begun')")
    assert.equal("begun", content(path .. "/log"))
    box:close()
    assert.equal("begun", content(path .. "/log"))
  end)

  it("are chunks for loadfile and dofile, text only, with a first line in the shell's way", function()
    local path = tree {
      ["a.lua"] = "#!/usr/bin/lua\nlocal name = ... return name == nil and 'ran', debug.traceback('', 1):match('a.lua:2') ~= nil",
      ["binary.lua"] = string.dump(function() end),
      ["fails.lua"] = "\nerror 'here'",
    }
    local box = helpers.box { files = { ["/lib"] = { path = path } } }
    assert.same({ "ran", true }, { box:dostring("return dofile('/lib/a.lua')") })
    assert.same({ "ran", true }, { box:dostring("return assert(loadfile('lib/a.lua'))()") })
    local f, message = box:dostring("return loadfile('/lib/binary.lua')")
    assert.is_nil(f)
    assert.is_truthy(message:find("attempt to load", 1, true) or message:find("bytecode", 1, true), message)
    helpers.raises(function() box:dostring("dofile('/lib/fails.lua')") end, "lib/fails.lua:2: here")
    if helpers.version > 51 then
      assert.equal(7, box:dostring("return loadfile('/lib/a.lua', 't', { debug = { traceback = function() return '' end } }) and 7"))
      assert.is_nil((box:dostring("return loadfile('/lib/a.lua', 'b')")))
    end
  end)

  it("are found by the longest path that is granted, by letters alone", function()
    local outer, inner = tree { ["a"] = "outer a", ["lib/a"] = "hidden", ["lib/b"] = "hidden" }, tree { ["a"] = "inner a" }
    local box = helpers.box { files = { ["/"] = outer, ["/lib//"] = { path = inner } } }
    local read = "local f = assert(io.open(...)) local s = f:read('*a') f:close() return s"
    for name, text in pairs {
      ["/a"] = "outer a", a = "outer a", ["./a"] = "outer a", ["//a"] = "outer a", ["lib/../a"] = "outer a",
      ["/lib/a"] = "inner a", ["../../lib/./a"] = "inner a", ["missing/../lib/a"] = "inner a",
    } do
      assert.equal(text, box:dostring(read, name), name)
    end
    assert.same({ "/lib/b: No such file or directory", 2 }, { box:dostring(OPEN, "/lib/b") })
    for _, name in ipairs { "/", "/lib", "lib/", ".", "..", "/a/.." } do
      assert.same({ name .. ": Is a directory", 21 }, { box:dostring(OPEN, name) })
    end
    assert.same({ "a/: Not a directory", 20 }, { box:dostring(OPEN, "a/") })
  end)

  it("are not there where nothing is granted, and only read where writing isn't", function()
    local path = tree { a = "kept" }
    local box = helpers.box { files = { ["/data"] = { path = path }, ["/short"] = path, ["/no"] = { path = path, write = false } } }
    assert.same({ "/a: No such file or directory", 2 }, { box:dostring(OPEN, "/a") })
    assert.same({ path .. "/a: No such file or directory", 2 }, { box:dostring(OPEN, path .. "/a") })
    for _, at in ipairs { "/data/", "/short/", "/no/" } do
      assert.equal("file", box:dostring(OPEN, at .. "a"))
      for _, mode in ipairs { "w", "a", "r+", "w+", "a+", "wb" } do
        for _, name in ipairs { "a", "new" } do
          assert.same({ at .. name .. ": Read-only file system", 30 }, { box:dostring(OPEN, at .. name, mode) })
        end
      end
    end
    assert.equal("kept", content(path .. "/a"))
    assert.is_nil(content(path .. "/new"))
  end)

  it("have no names with zero bytes, and none that are too long", function()
    local path = tree { a = "text" }
    local box = helpers.box { files = { ["/"] = { path = path, write = true } } }
    assert.same({ "a\0b: Invalid argument", 22 }, { box:dostring(OPEN, "a\0b") })
    assert.same({ "a\0: Invalid argument", 22 }, { box:dostring(OPEN, "a\0", "w") })
    local long = ("x"):rep(5000000)
    assert.same({ long .. ": File name too long", 36 }, { box:dostring(OPEN, long) })
    assert.is_nil((box:dostring("return loadfile(...)", "a\0")))
  end)

  it("never lead out of the directory", function()
    local path = tree { ["in/a"] = "inside", ["in/dir/b"] = "inside", ["secret"] = "outside", ["in2/secret"] = "outside" }
    local links = {
      up = "..", file = "../secret", absolute = path .. "/in/a", passwd = "/etc/passwd", root = "/", sibling = "../in2", loop = "loop",
      proc = "/proc/self/root", twice = "dir/../../secret", far = ("../"):rep(40) .. "etc/passwd", good = "dir/b", goodup = "dir/../a",
    }
    for name, to in pairs(links) do assert(os.execute(("ln -s %s %s/in/%s"):format(to, path, name))) end
    local box = helpers.box { files = { ["/"] = { path = path .. "/in", write = true } } }
    for _, name in ipairs { "good", "goodup" } do assert.equal("file", box:dostring(OPEN, name)) end
    for _, name in ipairs {
      "up/secret", "file", "absolute", "passwd", "root/etc/passwd", "sibling/secret", "loop", "proc/etc/passwd", "twice", "far", "up/in/a",
      "../secret", "/../secret", "dir/../../secret", "dir/../up/secret", "/proc/self/cwd/secret",
    } do
      for _, mode in ipairs { "r", "w", "a+", "r+" } do
        local message, number = box:dostring(OPEN, name, mode)
        -- `..` in a name stays inside: what is there may be the box's own, a new file.
        assert.is_truthy(message ~= "file" or name:find("..", 1, true), name)
        assert.is_truthy(message == "file" or number, name)
      end
    end
    assert.equal("outside", content(path .. "/secret"))
    assert.equal("outside", content(path .. "/in2/secret"))
    assert.equal("inside", content(path .. "/in/a"))
  end)

  it("are regular files: FIFOs, devices and the kernel's own files are errors at once", function()
    local path = tree {}
    assert(os.execute(("mkfifo %s/fifo && ln -s fifo %s/link"):format(path, path)))
    local box = helpers.box { files = { ["/"] = { path = path, write = true }, ["/dev"] = "/dev", ["/proc"] = "/proc", ["/sys"] = "/sys" } }
    for _, name in ipairs {
      "fifo", "link", "/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/proc/self/mem", "/proc/self/environ", "/proc/self/maps",
      "/proc/kmsg", "/proc/self/fd/0", "/proc/self/exe", "/proc/self/root/etc/passwd", "/sys/kernel/uevent_seqnum",
    } do
      for _, mode in ipairs { "r", "r+", "w" } do
        local message, number = box:dostring(OPEN, name, mode)
        assert.is_string(message)
        assert.is_number(number, name .. " was opened")
      end
      assert.is_nil((box:dostring("return loadfile(...)", name)))
      assert.is_false((box:dostring("return pcall(io.lines, ...)", name)))
    end
  end)

  it("survive the directory's removal and renaming as ordinary errors", function()
    local path = tree { ["in/a"] = "text", ["in/gone"] = "text" }
    local box = helpers.box { files = { ["/"] = { path = path .. "/in", write = true } } }
    box:dostring("f = assert(io.open('gone')) f:read(1)")
    assert(os.execute(("mv %s/in %s/moved"):format(path, path)))
    -- The directory is what was granted, not its name.
    assert.equal("file", box:dostring(OPEN, "a"))
    assert(os.execute(("rm -rf %s/moved"):format(path)))
    assert.same({ "a: No such file or directory", 2 }, { box:dostring(OPEN, "a") })
    assert.same({ "new: No such file or directory", 2 }, { box:dostring(OPEN, "new", "w") })
    assert.equal("ext", box:dostring("return f:read('*a')"))
    assert.is_nil((box:dostring("return loadfile('a')")))
  end)

  it("may shrink while they are read", function()
    local path = tree { a = ("0123456789"):rep(1000) }
    local box = helpers.box { files = { ["/"] = path } }
    box:dostring("f = io.open('a') first = f:read(10)")
    assert(io.open(path .. "/a", "w")):close()
    local rest = box:dostring("return f:read('*a')")
    assert.is_true(#rest < 10000)
    assert.equal("", box:dostring("return f:read('*a')"))
    assert.is_nil((box:dostring("return f:read(1)")))
    assert.equal(0, box:dostring("return f:seek('end')"))
  end)

  it("are options with clear errors", function()
    local path = tree { a = "" }
    for _, case in ipairs {
      { true, "option 'files': table or number expected, got boolean" },
      { "x", "option 'files': table or number expected, got string" },
      { 1.5, "option 'files': a whole number expected, got 1.5" },
      { -1, "option 'files': 0 or more expected, got -1" },
      { { path }, "option 'files': paths inside are strings" },
      { { data = path }, "option 'files[\"data\"]': a path that begins with '/' expected" },
      { { ["/a/../b"] = path }, "option 'files[\"/a/../b\"]': a path without '.' and '..' expected" },
      { { ["/a"] = path, ["/a/"] = path }, "': this path is granted twice" },
      { { ["/a"] = 1 }, "option 'files[\"/a\"]': table or string expected, got number" },
      { { ["/a"] = {} }, "option 'files[\"/a\"].path': string expected, got nil" },
      { { ["/a"] = { path = 1 } }, "option 'files[\"/a\"].path': string expected, got number" },
      { { ["/a"] = { path = path, write = 1 } }, "option 'files[\"/a\"].write': boolean expected, got number" },
      { { ["/a"] = { path = path, wirte = true } }, "unknown option 'files[\"/a\"].wirte'" },
      { { ["/a"] = { path = path .. "/b" } }, "option 'files[\"/a\"].path': cannot open " .. path .. "/b: No such file or directory" },
      { { ["/a"] = { path = path .. "/a" } }, "option 'files[\"/a\"].path': cannot open " .. path .. "/a: Not a directory" },
      { { ["/a"] = { path = "" } }, "option 'files[\"/a\"].path': cannot open : No such file or directory" },
      { { ["/a"] = path .. "\0" }, "option 'files[\"/a\"].path': cannot open" },
    } do
      helpers.raises(function() sandbox.new { files = case[1] } end, "bad argument #1 to 'new'", case[2])
    end
    helpers.raises(function() sandbox.run("return 1", { files = true }) end, "bad argument #2 to 'run'", "option 'files'")
    local box = helpers.box()
    helpers.raises(function() box:limits { files = {} } end, "option 'files': number expected, got table")
    helpers.raises(function() box:limits { files = 0.5 } end, "option 'files': a whole number expected")
    assert.equal("ready", helpers.box { files = {} }:status())
  end)

  it("take relative paths of the host from its directory at that time", function()
    local path = tree { ["sub/a"] = "relative" }
    local pipe = assert(io.popen("pwd"))
    local here = pipe:read("*l")
    pipe:close()
    local code = ("package.cpath = package.cpath:gsub('build/', %q)\n"):format(here .. "/build/") .. [[
      local sandbox = require "sandbox"
      local box = sandbox.new { files = { ["/"] = "sub" } }
      io.write(box:dostring("return io.open('a'):read('*a')"))]]
    assert.equal("relative", (helpers.in_process(code, ("cd %s;"):format(path))))
  end)

  it("cross no wall by their numbers: each box has its own", function()
    local path = tree { a = "text" }
    local one, two = helpers.box { files = { ["/"] = path } }, helpers.box()
    one:dostring("f = io.open('a')")
    assert.same({ "a: No such file or directory", 2 }, { two:dostring(OPEN, "a") })
    assert.equal("text", one:dostring("return f:read('*a')"))
  end)
end)
