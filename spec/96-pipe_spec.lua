--- `safelua --pipe`: scripts in one process, each in a box, each reading what the one before it writes.

local helpers = require "spec.helpers"
local command = require "spec.command"

--- A script of a pipeline.
local function script(code) return (helpers.file(code)) end

--- Runs scripts as a pipeline, with options before them; asserts the exit status.
local function pipe(status, args, input)
  return command.expect(status, { "--pipe", helpers.unpack(args) }, input)
end

local has = command.has

local UPPER = "for line in io.lines() do print((line:upper())) end"
local COUNT = "local n = 0 for line in io.lines() do n = n + 1 end print(n)"

describe("safelua --pipe", function()
  after_each(helpers.tidy)

  it("connects scripts, the first to stdin and the last to stdout", function()
    local upper = script(UPPER)
    local twice = script("for line in io.lines() do io.write(line, line, '\\n') end")
    assert.equal("AA\nBB\n", (pipe(0, { upper, twice }, "a\nb\n")))
    assert.equal("A\n", (pipe(0, { upper }, "a")))
    assert.equal("", (pipe(0, { upper, twice, upper })))
  end)

  it("gives each script its arguments, which are in one word with it", function()
    local show = script("local all = io.read('*a') io.write(all) print(arg[0] ~= nil, #arg, ...)")
    assert.equal("true\t2\ta b\tc\ntrue\t3\tx\t\t\"\n", (pipe(0, { show .. " 'a b' c", show .. [[ x "" \" ]] })))
    local blank = helpers.directory() .. "/with blank.lua"
    local file = assert(io.open(blank, "w"))
    file:write("print('it', ...)")
    file:close()
    assert.equal("it\n", (pipe(0, { blank })))
    assert.equal("it\t1\n", (pipe(0, { ("'%s' 1"):format(blank) })))
  end)

  it("hands on every byte, in order, whatever is written and however it is read", function()
    -- What each way of reading leaves: the same bytes.
    local write = script [[
      for i = 1, 3000 do io.write(i, i % 7 == 0 and "\n" or "\r\0", ("x"):rep(i % 50)) end
      io.write(("long"):rep(50000), "\n") print() io.write("no end of line")
    ]]
    local ways = {
      script "for line in io.lines() do io.write(line, '\\n') end",
      script "local all = io.read('*a') io.write(all)",
      script "while true do local s = io.read(777) if not s then break end io.write(s) end",
      script "local s = io.stdin:read(1) while s do io.stdout:write(s, io.stdin:read(100000) or '') s = io.stdin:read(1) end",
      script "io.output():setvbuf('no') while io.read(0) do io.write(io.read(4096)) end",
    }
    local _, expected = command.run { write }
    -- The first way puts an end to the last line.
    for i, way in ipairs(ways) do
      local out = pipe(0, { write, way })
      assert(out == expected .. (i == 1 and "\n" or ""), "lost or changed by way " .. i)
    end
    local out = pipe(0, { write, ways[2], ways[3], ways[4], ways[5] })
    assert(out == expected)
  end)

  it("lets all advance in turn: no script waits for another's end", function()
    -- Each says what it got when it got it; stderr has no buffer. The writer flushes line by line.
    local write = script "for i = 1, 3 do io.stderr:write('w', i, ' ') print(i) io.stdout:flush() end io.stderr:write('end ')"
    local read = script "for line in io.lines() do io.stderr:write('r', line, ' ') end io.stderr:write('over\\n')"
    local _, err = pipe(0, { write, read })
    assert.equal("w1 r1 w2 r2 w3 r3 end over\n", err)
  end)

  it("waits for the first script's input as it comes", function()
    local echo = script "for line in io.lines() do print(line) io.stdout:flush() end"
    local fifo = helpers.fifo()
    local line = command.line("--pipe", echo, echo, echo)
    -- Each answer is asked for only when the one before has come.
    local status, out = command.shell(("%s <%s | { exec 3>%s; for i in 1 2 3; do echo $i >&3; read -r x; echo got $x; done; exec 3>&-; }")
      :format(line, fifo, fifo))
    assert.same({ 0, "got 1\ngot 2\ngot 3\n" }, { status, out })
  end)

  it("makes a write to a script that has ended an error, and ends who writes on", function()
    local endless = script [[
      local n = 0
      while true do
        local ok, message, number = io.write(n, "\n")
        if not ok then io.stderr:write(message, " ", number, "\n") end
        n = n + 1
      end
    ]]
    local one = script "print(io.read())"
    local out, err = pipe(0, { endless, one })
    assert.same({ "0\n", "Broken pipe 32\n" }, { out, err })
    out, err = pipe(0, { endless, script(UPPER), one })
    assert.same({ "0\n", "Broken pipe 32\n" }, { out, err })
    local polite = script "local ok repeat ok = io.write('x\\n') until not ok os.exit(9)"
    out = pipe(9, { polite, one .. " unused", script(COUNT) })
    assert.equal("1\n", out)
  end)

  it("gives the others the end of the file when one fails, and the status of the last that failed", function()
    local fails = script "print('before') error('oops', 0)"
    local out, err = pipe(1, { fails, script(UPPER) })
    assert.equal("BEFORE\n", out)
    has(err, "safelua: oops\nstack traceback:")
    assert.equal("0\n", (pipe(3, { script "os.exit(2)", script "os.exit(3)", script(COUNT) })))
    out, err = pipe(1, { script(COUNT), script "x = = 1", script(COUNT) })
    assert.equal("0\n", out)
    has(err, "unexpected symbol near '='")
    pipe(1, { "/nonexistent.lua", script(COUNT) })
  end)

  it("keeps each script to limits of its own", function()
    local spin, fine = script "print('spins') while true do end", script "print('fine') print(io.read())"
    local out, err = pipe(124, { "--cpu", "100ms", fine, spin, fine }, "in\n")
    assert.equal("fine\nspins\n", out)
    has(err, "cpu limit of 0.1 s exceeded")
    out, err = pipe(125, { "--output", "9", script "print('12345678') print('9')", script "io.write((io.read('*a')))" })
    assert.equal("12345678\n", out)
    has(err, "output limit of 9 bytes exceeded")
    out, err = pipe(125, { "--memory", "1M", script "io.write(('x'):rep(2^19))", script "local s = 'x' while true do s = s .. s end",
      script(COUNT) })
    assert.equal("0\n", out)
    has(err, "not enough memory")
  end)

  it("takes nothing more from a script than its stdin, and leaves nothing more in it", function()
    local look = script "print(sandbox, (pcall(require, 'sandbox')), io.type(io.stdin), io.input() == io.stdin, io.read('*a'))"
    assert.equal("nil\tfalse\tfile\ttrue\tin\n", (pipe(0, { script "io.write('in')", look })))
    local close = script "print(io.stdin:close()) print(pcall(io.read))"
    has(pipe(0, { script "print('x')", close }), "true\n")
  end)

  it("joins as many as sixteen, and says so of more", function()
    local upper, args = script(UPPER), {}
    for i = 1, 16 do args[i] = upper end
    assert.equal("X\n", (pipe(0, args, "x\n")))
    args[17] = upper
    local _, err = pipe(2, args)
    has(err, "option '--pipe': 17 scripts are more than 16")
  end)

  it("reports on each script", function()
    local one, two = script "print('abc') os.exit(5)", script(UPPER)
    local _, err = pipe(5, { "--report=json", one, two })
    local first, second = err:match("^({.*})\n({.*})\n$")
    has(first, one, '"exit":5', '"output":4')
    has(second, two, '"exit":0', '"output":4')
    _, err = pipe(0, { "--report", script "while true do print('x') end", script "io.read()" })
    has(err, "ended for want of a reader, exit status 0")
  end)

  it("carries megabytes in constant memory, to the same end as three processes", function()
    local write = script "local s = ('0123456789abcde\\n'):rep(64) for i = 1, 8192 do io.write(s) end"
    local turn = script [[
      local held = 0
      while true do
        local s = io.read(8192)
        if not s then break end
        io.write((s:gsub("a", "A")))
      end
    ]]
    local count = script [[
      local lines, bytes, sum = 0, 0, 0
      for line in io.lines() do lines, bytes = lines + 1, bytes + #line + 1 sum = (sum * 31 + line:byte(11)) % 65521 end
      print(lines, bytes, sum)
    ]]
    local out, err = pipe(0, { "--report=json", "--memory", "1M", write, turn, count })
    has(out, "524288\t8388608\t")
    local peaks = 0
    for peak in err:gmatch('"memory_peak":(%d+)') do
      peaks = peaks + 1
      assert(tonumber(peak) < 2 ^ 20, "a script held " .. peak .. " bytes")
    end
    assert.equal(3, peaks)
    local status, apart = command.shell(("%s | %s | %s"):format(command.line(write), command.line(turn), command.line(count)))
    assert.same({ 0, out }, { status, apart })
  end)

  it("hands on in pieces what a script writes at once", function()
    local few = script "local n = 0 while true do local s = io.read(1000) if not s then break end n = n + #s end print(n)"
    local out, err = pipe(0, { "--report=json", "--memory", "16M", script "io.write(('x'):rep(2^22))", few })
    assert.equal("4194304\n", out)
    local peak = tonumber(err:match('.*"memory_peak":(%d+)'))
    assert(peak < 2 ^ 20, "the reader held " .. peak .. " bytes")
  end)
end)
