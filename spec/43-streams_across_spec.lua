--- Manual, section 6: streams cross as streams, down and up, at every depth, under the rules of section 5.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, at_every_depth = helpers.raises, helpers.at_every_depth

local function handle(text)
  return function() return { helpers.handle(text, "r+b") } end
end

describe("a file handle given to a box", function()
  after_each(helpers.tidy)

  it("is a stream inside: read in every format, lines, write, seek, tostring", function()
    at_every_depth([[
      local box = sandbox.new()
      box:dostring([=[
        local f = ...
        assert(io.type(f) == "file" and type(f) == "userdata")
        assert(tostring(f):find "^file %(")
        assert(f:read("*l") == "one")
        assert(f:read("*n") == 2.5)
        assert(f:read(1) == "\n")
        assert(f:read(5) == "three" and f:read(0) == "")
        assert(f:read("*a") == "\nlast" and f:read("*a") == "" and f:read("*l") == nil)
        assert(f:seek("set", 4) == 4 and f:seek() == 4 and f:read("*l") == "2.5")
        f:seek("set")
        local lines = {}
        for line in f:lines() do lines[#lines + 1] = line end
        assert(table.concat(lines, "|") == "one|2.5|three|last")
        assert(f:seek("end") == 18)
        assert(f:write("\n", 4, "\n"))
        assert(f:flush())
        assert(f:setvbuf("no"))
        f:seek("set", 18)
        assert(f:read("*a") == "\n4\n")
        assert(not pcall(f.seek, f, "nowhere") and not pcall(f.read, f, "*x"))
        io.input(f)
        f:seek("set")
        assert(io.read() == "one" and io.lines()() == "2.5")
        io.output(f)
        assert(io.write("") and io.output() == f)
      ]=], ...)
    ]], handle "one\n2.5\nthree\nlast")
  end)

  it("may be io.stdout, a pipe and a newstream", function()
    local box = helpers.box()
    box:dostring("assert(io.type(...) == 'file') assert((...):write(''))", io.stdout)
    local pipe = assert(io.popen("echo from a pipe"))
    assert.equal("from a pipe", box:dostring("local p = ... return p:read('*l')", pipe))
    pipe:close()
    local got, n = {}, 0
    local stream = sandbox.newstream(function()
      n = n + 1
      return n < 3 and "line " .. n .. "\n" or nil
    end, function(s) got[#got + 1] = s end)
    assert.equal("line 1\nline 2\n", box:dostring("s = ... s:write('written') s:flush() return s:read('*a')", stream))
    assert.equal("written", table.concat(got))
  end)

  it("may be an argument, a result of a host function, a field, a key, an error value, and what a proxy returns", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      box:set("give", function(as) if as == "error" then error(f) end return f, { f }, { [f] = true } end)
      assert(box:dostring([=[
        local direct, nested = ...
        local result, list, keyed = give()
        local ok, raised = pcall(give, "error")
        assert(not ok)
        for _, g in ipairs { direct, nested.deep.f, result, list[1], next(keyed), raised } do
          assert(io.type(g) == "file" and g == direct)
        end
        kept = direct
        function back() return kept end
        return kept == global
      ]=], f, { deep = { f = f } }) == false)
      box:set("global", f)
      assert(box:dostring("return kept == global"))
      assert(box:get("back")() == f)
    ]], handle "")
  end)

  it("comes home as itself, alone and in tables, as key and value, in results, arguments and errors", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      assert(box:dostring("return ...", f) == f)
      assert(box:dostring("return { { ... } }", f)[1][1] == f)
      assert(next(box:dostring("return { [...] = 1 }", f)) == f)
      local got
      box:set("take", function(g) got = g end)
      box:dostring("take(...)", f)
      assert(got == f)
      local ok, raised = pcall(box.dostring, box, "error(...)", f)
      assert(not ok and raised == f)
      assert(io.type(f) == "file")
    ]], handle "")
  end)

  it("is the same object inside when it is sent twice", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      box:set("first", f)
      assert(box:dostring("local a, b = ... return a == first and b[1] == a", f, { f }))
      for _ = 1, 5 do collectgarbage() box:dostring("collectgarbage()") end
      assert(box:dostring("return ... == first", f))
    ]], handle "")
  end)

  it("closed inside is closed for the box alone, until it is given anew", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      box:set("f", f)
      box:dostring([=[
        assert(f:close())
        assert(io.type(f) == "closed file" and tostring(f) == "file (closed)")
        local ok, message = pcall(f.read, f)
        assert(not ok and message:find "closed file", message)
      ]=])
      assert(io.type(f) == "file" and f:read("*l") == "text")
      assert(box:get("f") == f)
      f:seek("set")
      assert(box:dostring("local again = ... return io.type(again) .. ' ' .. again:read('*l')", f) == "file text")
    ]], handle "text\n")
  end)

  it("closed by its owner meanwhile is an ordinary error inside, which the box survives", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      box:set("f", f)
      f:close()
      box:dostring([=[
        for _, use in ipairs { function() return f:read() end, function() return f:write("x") end,
          function() return f:flush() end, function() return f:seek() end, f:lines() } do
          local ok, result, message, number = pcall(use)
          assert(not ok and result:find "descriptor" or ok and result == nil and message:find "descriptor" and number > 0)
        end
      ]=])
      assert(box:status() == "ready")
    ]], handle "text\n")
  end)

  it("that is closed already is refused by where it sits", function()
    at_every_depth([[
      local f = ...
      f:close()
      local box = sandbox.new()
      local ok, message = pcall(box.dostring, box, "", { log = f })
      assert(not ok and message:find("argument 1.log: a closed file cannot cross", 1, true), message)
      box:set("give", function() return f end)
      ok, message = pcall(box.dostring, box, "give()")
      assert(not ok and message:find("result 1: a closed file cannot cross", 1, true), message)
    ]], handle "")
  end)

  it("fails inside as it would outside: only written to, at its end, a full device", function()
    local box = helpers.box()
    local path = helpers.file("")
    local writes = assert(io.open(path, "wb"))
    writes:setvbuf("no")
    local result, message, number = box:dostring("return (...):read('*l')", writes)
    assert.is_nil(result)
    assert.equal("Bad file descriptor", message)
    assert.equal(9, number)
    local full = assert(io.open("/dev/full", "wb"))
    full:setvbuf("no")
    result, message = box:dostring("return (...):write('x')", full)
    assert.is_nil(result)
    assert.equal("No space left on device", message)
    writes:close()
    full:close()
  end)

  it("is assigned by a box to a box of its own", function()
    local box, f = helpers.box(), helpers.handle("in\n", "rb")
    local out = assert(io.tmpfile())
    box:opensandbox()
    box:dostring([[
      local f, out = ...
      local below = sandbox.new()
      below:stdin(f)
      below:stdout(out)
      below:dostring("print(io.read() .. ' and out')")
      assert(below:stdin() == f and below:dostring("return io.stdin, io.stdout") == f)
    ]], f, out)
    out:seek("set")
    assert.equal("in and out\n", out:read("*a"))
  end)

  it("isn't counted as output, unless it is the box's stdout or stderr as well", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new { output = 10 }
      box:set("f", f)
      box:dostring("for _ = 1, 10 do f:write('0123456789') end")
      assert(box:usage().output == 0)
      box:stderr(f)
      box:dostring("f:write('01234')")
      assert(box:usage().output == 5)
      box:dostring("io.stderr:write('0')")
      assert(box:usage().output == 6)
      local ok, message = pcall(box.dostring, box, "f:write('01234')")
      assert(not ok and message:find("output limit of 10 bytes exceeded", 1, true), message)
      assert(box:usage().output == 10)
      f:seek("set")
      assert(#f:read("*a") == 110)
    ]], handle "")
  end)

  it("is let go of when the box has collected it", function()
    local box = helpers.box()
    local watched = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      local f = assert(io.tmpfile())
      watched[f] = true
      box:dostring("local f = ... assert(f:write('x'))", f)
    end
    local function left()
      for _ = 1, 3 do
        box:dostring("collectgarbage()")
        collectgarbage()
        collectgarbage()
      end
      local n = 0
      for _ in pairs(watched) do n = n + 1 end
      return n
    end
    assert(left() <= 2, left() .. " of 20 files are held")
    box:set("kept", assert(io.tmpfile()))
    left()
    assert.is_true(box:dostring("return kept:write('x') and true"))
  end)

  it("works in many boxes at once, and while several calls are under way", function()
    local f = helpers.handle("1\n2\n3\n4\n", "rb")
    local a, b = helpers.box(), helpers.box()
    a:set("f", f)
    b:set("f", f)
    a:set("other", function() return b:dostring("return f:read('*l')") end)
    assert.equal("1234", a:dostring("return f:read('*l') .. other() .. f:read('*l') .. other()"))
    a:set("again", function() return a:dostring("f:seek('set') return f:read('*l')") end)
    assert.equal("12", a:dostring("return again() .. f:read('*l')"))
  end)
end)

describe("a box's own stream given to the level above", function()
  after_each(helpers.tidy)

  it("is the owner's handle, if it is one that the owner has assigned", function()
    at_every_depth([[
      local f = ...
      local box = sandbox.new()
      box:stdin(f)
      box:stdout(f)
      local i, o = box:dostring("return io.stdin, { io.stdout }")
      assert(i == f and o[1] == f)
      box:dostring("io.stdin:close()")
      assert(box:dostring("return io.stdin") == f)
    ]], handle "")
  end)

  it("works as a stream above, and comes home as itself", function()
    at_every_depth([[
      local box = sandbox.new()
      box:opensandbox()
      local s = box:dostring([=[
        local n = 0
        out = {}
        made = sandbox.newstream(function()
          n = n + 1
          if n <= 3 then return "line " .. n .. "\n" end
        end, function(s) out[#out + 1] = s end)
        return made
      ]=])
      assert(io.type(s) == "file" and tostring(s):find "^file")
      assert(s:read("*l") == "line 1")
      assert(box:dostring("return ... == made", s))
      assert(box:dostring("return (...)[1] == made", { s }))
      assert(box:get("made") == s)
      assert(s:read("*a") == "line 2\nline 3\n" and s:read("*l") == nil)
      assert(s:write("one", 2))
      assert(s:flush())
      assert(box:dostring("return table.concat(out)") == "one2")
      assert(s:seek() == nil)
      assert(s:close())
      assert(io.type(s) == "closed file")
      assert(box:dostring("return io.type(made)") == "file")
    ]])
  end)

  it("only does what it was made for", function()
    at_every_depth([[
      local box = sandbox.new()
      box:opensandbox()
      local reads, writes, null = box:dostring("return sandbox.newstream(function() end), " ..
        "sandbox.newstream(nil, function() error('no room') end), sandbox.newstream()")
      local function fails(f, ...)
        local results = { f(...) }
        return results[1] == nil and type(results[2]) == "string"
      end
      assert(reads:read("*l") == nil)
      assert(fails(reads.write, reads, "x") or fails(reads.flush, reads))
      assert(fails(writes.read, writes, 1))
      assert(fails(writes.write, writes, "x") or fails(writes.flush, writes))
      assert(null:read("*a") == "" and null:write("x") and null:flush())
    ]])
  end)

  it("is an ordinary error once its box is closed", function()
    at_every_depth([[
      local box = sandbox.new()
      box:opensandbox()
      local s = box:dostring("return sandbox.newstream(function() return 'x' end)")
      assert(s:read(1) == "x")
      box:close()
      local ok, result, message = pcall(s.read, s, 5000)
      assert(not ok and result:find "closed" or ok and result == nil and message, tostring(result))
    ]])
  end)

  it("keeps its box alive as a function would", function()
    local function stream()
      local box = sandbox.new()
      box:opensandbox()
      return box:dostring("local n = 0 return sandbox.newstream(function() n = n + 1 return n .. '\\n' end)")
    end
    local s = stream()
    for _ = 1, 3 do collectgarbage() end
    assert.equal("1", s:read("*l"))
    assert.equal("2", s:read("*l"))
  end)

  it("is a null device while its owner has assigned nothing", function()
    at_every_depth([[
      local box = sandbox.new()
      local i, o = box:dostring("return io.stdin, io.stdout")
      assert(io.type(i) == "file" and i:read("*a") == "")
      assert(o:write("x") and o:flush())
      assert(box:dostring("return ... == io.stdout", o))
    ]])
  end)

  it("is given on to a sibling, and stopped with the box that made it", function()
    local maker, user = helpers.box { cpu = 0.2 }, helpers.box()
    maker:opensandbox()
    user:set("s", maker:dostring([[
      local n = 0
      return sandbox.newstream(function()
        n = n + 1
        while n > 2 do end
        return n .. "\n"
      end)]]))
    assert.equal("1", user:dostring("return s:read('*l')"))
    local result, message = user:dostring("s:read('*l') return s:read('*l')")
    assert.is_nil(result)
    assert.equal("string", type(message))
    helpers.assert_stopped(maker, "cpu", false)
    assert.equal("ready", (user:status()))
  end)

  it("that is closed is refused by where it sits", function()
    at_every_depth([[
      local box = sandbox.new()
      box:opensandbox()
      local ok, message = pcall(box.dostring, box, "local s = sandbox.newstream() s:close() return 1, { s = s }")
      assert(not ok and message:find("result 2.s: a closed file cannot cross", 1, true), message)
    ]])
  end)
end)

describe("what is no stream", function()
  after_each(helpers.tidy)

  it("is refused, whatever it pretends", function()
    at_every_depth([[
      local box = sandbox.new()
      for _, v in ipairs { box, coroutine.create(function() end) } do
        local ok, message = pcall(box.set, box, "x", { handle = v })
        assert(not ok and message:find("argument 2.handle: a %w+ cannot cross"), message)
      end
    ]])
    local box = helpers.box()
    if rawget(_G, "newproxy") then
      raises(function() box:set("x", rawget(_G, "newproxy")(true)) end, "argument 2: a userdata cannot cross")
    end
  end)
end)
