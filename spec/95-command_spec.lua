--- The command `safelua`: a script in a box, by the shell's means.

local helpers = require "spec.helpers"
local command = require "spec.command"

local it_unless = helpers.it_unless

local run, has = command.expect, command.has

describe("safelua", function()
  after_each(helpers.tidy)

  it("runs a script as lua does: its arguments, its streams", function()
    local script = helpers.file [[#!/usr/bin/env safelua
      local a, b = ...
      print(#arg, arg[0], a, b, arg[1], arg[3])
      print(io.read("*l"))
      io.stderr:write("said\n")
    ]]
    local out, err = run(0, { script, "one", "-e", "--cpu" }, "typed\nmore\n")
    assert.equal(("3\t%s\tone\t-e\tone\t--cpu\ntyped\n"):format(script), out)
    assert.equal("said\n", err)
  end)

  it("runs a script from stdin, named or not, with what is left as the script's input", function()
    for _, args in ipairs { { "-", "x" }, { "--", "-", "x" }, {} } do
      assert.equal("x\tnil\n", (run(0, args, "#!lua\nprint((...) or 'x', io.read('*l'))")))
    end
  end)

  it("runs pieces of code in order, in one box, before the script", function()
    local script = helpers.file("print(x, ...)")
    assert.equal("2\targ\n", (run(0, { "-e", "x = 1", "-ex = x + 1", script, "arg" })))
    assert.equal("first\n", (run(3, { "-e", "print('first') os.exit(3)", "-e", "print('second')", script })))
  end)

  it("grants nothing of the process unless it is asked to", function()
    local out = run(0, { "-e", "print(os.getenv('PATH'), (io.open('/etc/passwd')), io.popen, sandbox, (pcall(require, 'sandbox')))" })
    assert.equal("nil\tnil\tnil\tnil\tfalse\n", out)
    assert.equal("nil\n", (run(0, { "-e", "print((io.open('README.md')))" })))
  end)

  it("gives the exit status of os.exit, also from within a protected call", function()
    run(7, { "-e", "pcall(os.exit, 7)" })
    run(0, { "-e", "os.exit() error('no')" })
    if helpers.version > 51 then
      run(1, { "-e", "os.exit(false)" })
      run(0, { "-e", "os.exit(true)" })
    end
  end)

  it("shows an error with its traceback, and ends with 1", function()
    local script = helpers.file("local function f() error('oops') end\nlocal x = f() return x")
    local _, err = run(1, { script })
    assert.equal(("safelua: %s:1: oops\nstack traceback:\n"):format(script), err:match("^.-traceback:\n"))
    has(err, script .. ":2: in main chunk")
    _, err = run(1, { "-e", "error({})" })
    has(err, "safelua: (error object is a table value)\nstack traceback:\n")
    _, err = run(1, { "-e", "x = = 1" })
    has(err, "safelua: (command line):1: unexpected symbol near '='")
    _, err = run(1, { "/nonexistent.lua" })
    has(err, "safelua: cannot open /nonexistent.lua")
    _, err = run(1, { helpers.file("\27Lua") })
    has(err, "binary")
  end)

  it("ends with 124 when out of time, and with 125 at another limit", function()
    local _, err = run(124, { "--cpu", "50ms", "-e", "while true do end" })
    has(err, "cpu limit of 0.05 s exceeded")
    _, err = run(124, { "--wall=0.05", "-e", "while true do end" })
    has(err, "wall limit of 0.05 s exceeded")
    local out
    out, err = run(125, { "--output", "5", "-e", "while true do io.write('xyz') end" })
    assert.equal("xyzxy", out)
    has(err, "(command line):1: output limit of 5 bytes exceeded")
    _, err = run(125, { "--instructions", "10K", "-e", "while true do end" })
    has(err, "instructions limit of 10000 instructions exceeded")
    _, err = run(125, { "--memory", "1M", "-e", "local s = 'x' while true do s = s .. s end" })
    has(err, "safelua: not enough memory")
    -- In other words on 5.3.
    _, err = run(125, { "--memory", "1M", "-e", "local s = ('xy'):rep(2^20)" })
    has(err, "not enough memory")
  end)

  it("stops a script that waits for input in vain by its limit on real time", function()
    local fifo = helpers.fifo()
    local status, _, err = command.shell(command.line("--wall", "100ms", "-e", "io.read()") .. " <>" .. fifo)
    assert.equal(124, status)
    has(err, "wall limit of 0.1 s exceeded")
  end)

  it("grants directories, for reading or writing, under their own names or others", function()
    local directory = helpers.tree { f = "content" }
    local code = "local name = ... print((assert(io.open(name)):read('*a')), (select(2, io.open(name, 'a'))))"
    local script = helpers.file(code)
    local out = run(0, { "--read", directory, script, directory .. "/f" })
    assert.equal(("content\t%s/f: Read-only file system\n"):format(directory), out)
    out = run(0, { "--read", directory .. ":/d", script, "/d/f" })
    has(out, "content\t/d/f: Read-only")
    out = run(0, { "--write", directory .. ":/d", script, "d/f" })
    has(out, "content\tnil")
    run(125, { "--write", directory .. ":/d", "--output", "4", "-e", "io.open('/d/g', 'w'):write('12345')" })
    local _, err = run(2, { "--read", directory, "--write", directory, script })
    has(err, ("option '--write': there are two directories for '%s'"):format(directory))
    _, err = run(2, { "--read", "../x", script })
    has(err, "option '--read': '../x' needs the name that it has inside: ../x:/inside")
    _, err = run(2, { "--read", directory .. "/none", script })
    has(err, ("cannot open %s/none: No such file or directory"):format(directory))
    out = run(0, { "--read", directory, "--files", "1", "-e",
      ("local a = io.open('%s/f') print(select(2, io.open('%s/f')))"):format(directory, directory) })
    has(out, "files limit of 1 files exceeded")
  end)

  it("grants variables of the environment and modules", function()
    local status, out = command.shell("GIVEN=1 KEPT=2 " .. command.line("--env", "GIVEN", "--env", "MADE=a=b", "--env", "MISSING",
      "-e", "print(os.getenv('GIVEN'), os.getenv('MADE'), os.getenv('MISSING'), os.getenv('KEPT'))"))
    assert.same({ 0, "1\ta=b\tnil\tnil\n" }, { status, out })
    local path = helpers.file("return { name = ... }")
    assert.equal("m\n", (run(0, { "--module", "m=" .. path, "-e", "print(require('m').name)" })))
  end)

  it("reads sizes, times and numbers with their units", function()
    local function limits(...)
      local args = { ... }
      table.insert(args, "--report=json")
      table.insert(args, "-e")
      table.insert(args, "")
      local _, err = run(0, args)
      return err:match('"limits":(%b{})')
    end
    assert.equal('{"memory":67108864,"cpu":10,"wall":null,"instructions":null,"output":null,"files":16}', limits())
    assert.equal('{"memory":33554432,"cpu":0.5,"wall":120,"instructions":1500000000,"output":2048,"files":3}',
      limits("--memory", "32MiB", "--cpu=500ms", "--wall", "2m", "--instructions", "1.5G", "--output", "2kb", "--files", "3"))
    assert.equal('{"memory":1572864,"cpu":null,"wall":null,"instructions":1000000000,"output":null,"files":16}',
      limits("--memory", "1.5M", "--cpu", "none", "--instructions", "1e9"))
  end)

  it("says what is wrong with a command line, and ends with 2", function()
    for _, case in ipairs {
      { "unrecognized option '--bogus'", "--bogus" },
      { "unrecognized option '-x'", "-x" },
      { "option '--cpu' needs a time", "--cpu" },
      { "option '-e' needs code", "-e" },
      { "option '--pipe' takes no value", "--pipe=x" },
      { "option '--memory': '12X' is not a size", "--memory", "12X" },
      { "option '--memory': '0.3' is not a whole number", "--memory=0.3" },
      { "option '--memory': '-1' is not a size", "--memory", "-1" },
      { "option '--cpu': '1 fortnight' is not a time", "--cpu", "1 fortnight" },
      { "option '--wall': 'nan' is not a time", "--wall", "nan" },
      { "option '--instructions': '0x10' is not a number", "--instructions", "0x10" },
      { "option '--files': '1e999' is not a number", "--files", "1e999" },
      { "option '--report': 'xml' is not 'json'", "--report=xml" },
      { "option '--env': no name in '=x'", "--env", "=x" },
      { "option '--module': 'm' is not NAME=PATH", "--module", "m" },
      { "option '--pipe' needs scripts", "--pipe" },
      { "option '-e' can't be used with '--pipe'", "--pipe", "-e", "x", "a.lua" },
    } do
      local status, out, err = command.run { helpers.unpack(case, 2) }
      assert.equal(2, status, case[1])
      assert.equal("", out)
      has(err, "safelua: " .. case[1], "Try 'safelua --help'.")
    end
  end)

  it("tells its options, and its version and Lua's", function()
    has(run(0, { "--help" }), "usage: safelua", "--memory SIZE", "exit status")
    for _, option in ipairs { "-v", "--version" } do
      has(run(0, { option }), "safelua 0.", helpers.is_jit and "LuaJIT" or _VERSION)
    end
    has(run(0, { "-v", "-e", "print('and more')" }), "and more\n")
  end)

  it("has a manual page that names every option", function()
    local file = assert(io.open("docs/safelua.1"))
    local page = file:read("*a"):gsub("\\", "")
    file:close()
    local help = run(0, { "--help" })
    for option in help:gmatch("%-%-%l+") do has(page, option) end
  end)
end)

describe("safelua --report", function()
  after_each(helpers.tidy)

  it("tells people what came of it and what was used", function()
    local out, err = run(3, { "--report", "--output", "1K", "-e", "print('x') os.exit(3)" })
    assert.equal("x\n", out)
    has(err, "safelua: (command line): ready, exit status 3\n", "  memory peak   ", " of 64 MB\n", " s of 10.000 s\n",
      "  output        2 bytes of 1 KB\n")
    assert.is_nil(err:find("instructions", 1, true))
    local _
    _, err = run(125, { "--report", "--instructions", "1000", "-e", "while true do end" })
    has(err, "exceeded", "exhausted by instructions, exit status 125", "  instructions  ", " of 1000\n")
  end)

  it("tells programs the same in JSON, whatever the error holds", function()
    local _, err = run(1, { "--report=json", "-e", [[error('q " \\ \n \1 \195\164 \255 \237\160\128', 0)]] })
    local line = err:match("\n({.*})\n$")
    has(line, '"script":null', '"status":"ready"', '"kind":null', '"exit":1', '"memory_peak":', '"wall":null',
      [["error":"q \" \\ \n \u0001 ]] .. "\195\164" .. [[ \ufffd \ufffd\ufffd\ufffd]])
    _, err = run(124, { "--report=json", "--cpu", "20ms", "-e", "while true do end" })
    has(err, '"kind":"cpu"', '"exit":124')
  end)
end)

describe("safelua with a stdout that nobody reads any more", function()
  it("is ended by SIGPIPE, as other programs are", function()
    local line = command.line("-e", "while true do print('y') end")
    local status, out, err = command.shell(
      ("bash -c %s"):format(command.quoted(line .. " | head -n 1; exit ${PIPESTATUS[0]}")))
    assert.same({ 141, "y\n", "" }, { status, out, err })
  end)
end)

local no_terminal = select(2, command.shell("command -v script")) == "" and "there is no script(1) to make a terminal"

--- Runs the command on a terminal of its own, which `script` makes, with this typed ahead. `linenoise`: the code of such a module;
-- what is installed is not used.
local function on_terminal(line, typed, linenoise)
  local directory = helpers.directory()
  for name, code in pairs { linenoise = linenoise or "error('none')", readline = "error('none')" } do
    local file = assert(io.open(("%s/%s.lua"):format(directory, name), "w"))
    file:write(code)
    file:close()
  end
  local status, out = command.shell(("HOME=%s LUA_PATH='%s/?.lua;;' timeout 180 script -qec %s /dev/null")
    :format(directory, directory, command.quoted(line)), typed)
  return status, (out:gsub("\r", "")), directory
end

describe("safelua -i", function()
  after_each(helpers.tidy)

  it("asks for code: expressions, statements over several lines, errors, the end", function()
    local out, err = run(4, { "-i" }, "1 + 1\n=2, nil\nfor i = 1, 2 do\nio.write(i, '\\n')\nend\nx = 5\nx\n"
      .. "error('no', 0)\n\nfoo bar\nprint(x)\nos.exit(4)\nprint('never')\n")
    assert.equal("> 2\n> 2\tnil\n> >> >> 1\n2\n> > 5\n> > > > 5\n> ", out)
    has(err, "safelua: no\nstack traceback", "safelua: stdin:1: ")
  end)

  it("runs after the script, in its box, with what it reads from the same stdin", function()
    local script = helpers.file("y = ...")
    assert.equal("> inside\ttyped\n> ", (run(0, { "-i", script, "inside" }, "=y, io.read()\ntyped\n")))
  end)

  it("gives each line fresh allowances, and a new box for a killed one", function()
    local out, err = run(0, { "-i", "--cpu", "50ms", "--output", "3" }, "while true do end\n=7\n=8\nx = string.rep('ab', 9)\n"
      .. "io.write(x)\n=9\n")
    has(out, "> 7\n", "> 8\n", "> 9\n")
    has(err, "cpu limit of 0.05 s exceeded", "output limit of 3 bytes exceeded")
  end)

  it_unless(no_terminal, "is what happens on a terminal without a script", function()
    local _, out = on_terminal(command.line(), "1 + 1\nos.exit(0)\n")
    has(out, "safelua 0.", "> 2\n> ")
  end)

  it_unless(no_terminal, "reads lines by an editor, where Lua finds one, and keeps them in the user's home", function()
    local _, out, home = on_terminal(command.line(), "do\nend\n1 + 1\nos.exit(0)\n", [[
      local lines = {}
      return {
        linenoise = function(prompt) io.write("edited ", prompt) return io.read() end,
        historyload = function(path) print("load", path) end,
        historyadd = function(line) lines[#lines + 1] = line end,
        historysave = function(path) print("save", path, #lines, lines[#lines]) end,
      }
    ]])
    has(out, ("load\t%s/.safelua_history\n"):format(home), "edited > edited >> ",
      ("save\t%s/.safelua_history\t1\tdo\nend\n"):format(home), "\t2\t1 + 1\n2\n")
  end)

  it_unless(no_terminal, "leaves alone a script on a terminal, whose prompts show before it reads", function()
    local script = helpers.file("io.write('name? ') print('hello ' .. io.read())")
    local status, out = on_terminal(command.line(script), "you\n")
    assert.equal(0, status)
    has(out, "name? ", "hello you\n")
    assert(out:find("name? ", 1, true) < out:find("hello you", 1, true))
  end)
end)

describe("safelua --report on a terminal", function()
  after_each(helpers.tidy)

  it_unless(no_terminal, "shows how far it is, and takes that away when the script writes", function()
    local directory = helpers.directory()
    local line = command.line("--report", "--cpu", "none", "--read", directory .. ":/d", "-e",
      "while not io.open('/d/stop') do end print('done')")
    -- Ended once the line has been seen.
    command.shell(([[
      script -qec %s /dev/null </dev/null >%s/out 2>&1 & p=$!
      for i in $(seq 200); do grep -q 'process: cpu' %s/out && break; sleep 0.1; done
      touch %s/stop; wait $p]]):format(command.quoted(line), directory, directory, directory))
    local file = assert(io.open(directory .. "/out"))
    local out = file:read("*a")
    file:close()
    assert.truthy(out:find("\r\27%[Ksafelua: %d+ s, process: cpu %d+ s, memory %d+ MB\r"), out)
    has(out, "\r\27[Kdone", "safelua: (command line): ready, exit status 0")
  end)
end)
