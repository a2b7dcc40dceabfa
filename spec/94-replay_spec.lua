--- sandbox.replay: what it takes, where it departs, stops, and is cut. That it repeats everything is in 94-replay_everything.

local helpers = require "spec.helpers"
local recorded = require "spec.recorded"
local sandbox = require "sandbox"

describe("sandbox.replay", function()
  after_each(helpers.tidy)

  -- A replay, closed after the case.
  local function replayed(...)
    local box, events, why = sandbox.replay(...)
    return box, events, why, box:close()
  end

  it("takes a string, a reader or a file", function()
    local box, finish = recorded()
    box:set("x", "a value")
    local journal = finish()
    local path = helpers.file(journal)
    local at = 0
    local sources = {
      journal,
      io.open(path, "rb"),
      function()
        at = at + 1000
        local piece = journal:sub(at - 999, at)
        return piece ~= "" and piece or nil
      end,
    }
    for i = 1, 3 do
      local copy, events, why = sandbox.replay(sources[i])
      assert.same({ "a value", 3, nil }, { copy:get("x"), events, why })
      copy:close()
    end
    sources[2]:close()
    helpers.raises(function() sandbox.replay() end, "bad argument #1 to 'replay' (string, function or file expected")
    helpers.raises(function() sandbox.replay({}) end, "string, function or file expected, got table")
    helpers.raises(function() sandbox.replay(sources[2]) end, "closed file")
    helpers.raises(function() sandbox.replay(function() return {} end) end, "the reader of a journal must return a string")
    helpers.raises(function() sandbox.replay(function() error("no reader", 0) end) end, "no reader")
    helpers.raises(function() sandbox.replay(journal, 1) end, "bad argument #2 to 'replay' (table expected, got number)")
    helpers.raises(function() sandbox.replay(journal, { until_ = 1 }) end, "unknown option 'until_'")
    helpers.raises(function() sandbox.replay(journal, { to = -1 }) end, "option 'to': number of an event expected, got -1")
    helpers.raises(function() sandbox.replay(journal, { to = "x" }) end, "option 'to': number of an event expected, got string")
    helpers.raises(function() sandbox.replay(journal, { stdout = 1 }) end, "option 'stdout': file expected, got number")
  end)

  it("stops after an event, with the box to be looked at", function()
    local box, finish = recorded()
    box:set("ask", function(n) return n + 1 end)
    box:dostring([[
      trail = {}
      for i = 1, 5 do trail[i] = ask(i) at = i end
      local proxy = newproxy and newproxy(true)
      local finalizer = function() collected = ask(10) end
      if proxy then getmetatable(proxy).__gc = finalizer proxy = nil else setmetatable({}, { __gc = finalizer }) end
      collectgarbage()
      done = true
    ]])
    local journal = finish()
    local _, all = replayed(journal)
    local ats, statuses = {}, {}
    for to = 0, all do
      local copy, events, why = sandbox.replay(journal, { to = to })
      assert.same({ to, nil }, { events, why })
      ats[#ats + 1] = tostring(copy:get("at"))
      statuses[#statuses + 1] = copy:status()
      -- It can be called beside what stands still, and closed.
      assert.equal(7, copy:dostring("seven = 7 collectgarbage() return seven"))
      copy:close()
      helpers.raises(function() copy:get("at") end, "sandbox is closed")
    end
    -- set, its end, the call, five answers, one more in the finalizer, the end, the end of the recording
    assert.equal("nil nil nil nil 1 2 3 4 5 5 5 5", table.concat(ats, " "))
    assert.equal("ready ready ready running running running running running running ready ready ready", table.concat(statuses, " "))
  end)

  it("says where a run departs, and both sides of it", function()
    -- The box asks the host once; then it does what it was told to. A frame is what one call has led to.
    local function both(code_one, code_two)
      local result = {}
      for i, code in ipairs { code_one, code_two } do
        local box, finish, pieces = recorded()
        local answer = i
        box:set("ask", function() return answer end)
        box:dostring("kind = ask()")
        pcall(box.dostring, box, code)
        finish()
        result[i] = pieces
      end
      return result[1], result[2]
    end
    local script = "if kind == 1 then io.write('12345') else io.read() end"
    local ones, twos = both(script, script)
    -- The box asks once and is told 2; what follows was written by the one that was told 1.
    local mixed = twos[1] .. twos[2] .. twos[3] .. ones[4] .. ones[5]
    local message = helpers.raises(function() sandbox.replay(mixed) end, "event 7: the journal has write of 5 bytes (checksum ",
      "to stdout, the run read of a line from stdin")
    assert(message:find("^[^\n]*94%-replay_spec.lua:%d+: "), message)
    mixed = ones[1] .. ones[2] .. ones[3] .. twos[4] .. twos[5]
    helpers.raises(function() sandbox.replay(mixed) end, "event 7: the journal has read of a line from stdin, the run write of 5 bytes")
    local quiet, loud = both("return kind", "return kind")
    mixed = quiet[1] .. quiet[2] .. quiet[3] .. loud[4] .. loud[5]
    helpers.raises(function() sandbox.replay(mixed) end, "event 7: the journal has the end of the call, with ",
      " bytes of results (checksum ", "the run the end of the call, with ")
    quiet, loud = both("if kind == 2 then error('two', 0) end", "if kind == 2 then error('two', 0) end print()")
    mixed = loud[1] .. loud[2] .. loud[3] .. quiet[4] .. quiet[5]
    local ok, why = pcall(sandbox.replay, mixed)
    assert(not ok and why:find("event 7: the journal has ", 1, true) and why:find("with the error 'two'", 1, true), why)
  end)

  it("plays what is left of a journal that was cut, and says so", function()
    local box, _, pieces = recorded()
    local source = helpers.handle(("line\n"):rep(2000))
    box:stdin(source)
    box:dostring("n = 0 for _ in io.lines() do n = n + 1 end")
    -- Neither ended nor closed: what there is of a box that still runs.
    local journal = table.concat(pieces)
    box:close()
    source:close()
    local copy, events, why = sandbox.replay(journal)
    assert.same({ 2000, "truncated" }, { copy:get("n"), why })
    copy:close()
    local last = -1
    for _, part in ipairs { 0.1, 0.5, 0.8, 0.99 } do
      local len = #pieces[1] + math.floor(part * (#journal - #pieces[1]))
      local cut, seen, note = sandbox.replay(journal:sub(1, len))
      assert.equal("truncated", note)
      local n = cut:get("n")
      assert(seen < events and (n or -1) >= last and (n or -1) < 2000, tostring(n))
      last = n or -1
      assert.equal(n and "running" or "ready", (cut:status()))
      cut:close()
    end
    helpers.raises(function() sandbox.replay("") end, "this is no journal")
    helpers.raises(function() sandbox.replay("safelua journal\n") end, "the journal ends in its header")
    helpers.raises(function() sandbox.replay(journal:sub(1, #pieces[1] - 1)) end, "the journal ends in its header")
  end)

  it("refuses a journal that was altered, whichever byte", function()
    local box, finish = recorded()
    box:dostring("x = os.time() print(x)")
    local journal = finish()
    local function flipped(at)
      local byte = journal:byte(at)
      return journal:sub(1, at - 1) .. string.char((byte + 1) % 256) .. journal:sub(at + 1)
    end
    local places = { 1, 16, 17, 20, 21, 25, 26, 27, #journal - 40, #journal - 1, #journal }
    for i = 1, 40 do places[#places + 1] = math.floor(#journal * i / 41) end
    for _, at in ipairs(places) do
      local ok, message = pcall(sandbox.replay, flipped(at))
      assert(not ok, "byte " .. at .. " makes no difference")
      assert(message:find("journal", 1, true), message)
    end
    assert(pcall(replayed, journal))
  end)

  it("repeats calls that wait for the host's coroutines, in the order that they had", function()
    local box, finish = recorded()
    box:set("wait", function(...) return coroutine.yield(...) end)
    local function call(name)
      local co = coroutine.create(function()
        return box:dostring([[
          local name = ...
          trail = (trail or "") .. name .. "("
          local got = wait(name)
          trail = trail .. got .. name .. ")"
          return got
        ]], name)
      end)
      assert(coroutine.resume(co))
      return co
    end
    local a, b = call("a"), call("b")
    assert(coroutine.resume(a, "1"))
    local c = call("c")
    assert(coroutine.resume(b, "2"))
    assert(coroutine.resume(c, "3"))
    local trail = box:get("trail")
    assert.equal("a(b(1a)c(2b)3c)", trail)
    local copy = sandbox.replay(finish())
    assert.equal(trail, copy:get("trail"))
    copy:close()
  end)

  it("needs none of the host's functions, streams or files", function()
    local directory = helpers.tree { ["in.txt"] = "granted\n" }
    local box, finish = recorded {
      files = { ["/"] = { path = directory, write = true } },
      modules = { lookup = function(key) return key .. "!" end, plain = { 1, 2 } },
    }
    local other = helpers.handle("from a stream that was given")
    box:set("given", other)
    local code = [[
      local lookup, plain = require "lookup", require "plain"
      text = lookup("key") .. #plain
      for line in io.lines("/in.txt") do text = text .. line end
      local out = assert(io.open("/out.txt", "w"))
      out:write("new")
      out:close()
      text = text .. tostring(io.open("/none.txt")) .. tostring(select(2, io.open("/none.txt"))) .. given:read("*a")
      callback = function(f) return f(text) end
      return text
    ]]
    local text = box:dostring(code)
    local callback = box:get("callback")
    assert.equal(#text, callback(function(s) return #s end))
    callback = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    box:set("x", 1)
    other:close()
    local journal = finish()
    os.execute(("rm -rf %q"):format(directory))
    local copy, _, why = sandbox.replay(journal)
    assert.is_nil(why)
    assert.equal(text, copy:get("text"))
    -- Afterwards it is a box like any other, without them.
    helpers.raises(function() copy:dostring("require('lookup')('key')") end, "gone")
    copy:set("lookup", function() return "new" end)
    assert.equal("new", copy:dostring("return lookup()"))
    assert.equal("nil", copy:dostring("return tostring(io.open('/in.txt'))"))
    copy:close()
  end)

  it("repeats os.exit, hard stops and closing", function()
    local box, finish = recorded { cpu = 0.05 }
    box:dostring("x = 1 os.exit(7) x = 2")
    assert.equal(7, box:usage().exit)
    helpers.raises(function()
      box:dostring("print('before') local s = ('a'):rep(5000) s:find(('.-'):rep(30) .. 'b')")
    end, "cpu limit of 0.05 s exceeded")
    assert.same({ "killed", "cpu" }, { box:status() })
    local output = assert(io.tmpfile())
    local copy, _, why = sandbox.replay(finish(), { stdout = output })
    assert.is_nil(why)
    assert.same({ "killed", "cpu" }, { copy:status() })
    helpers.raises(function() copy:get("x") end, "sandbox is killed (cpu limit of 0.05 s exceeded)")
    output:seek("set")
    assert.equal("before\n", output:read("*a"))
    output:close()
    copy:close()

    local closed, _, pieces = recorded()
    closed:set("close", function() closed:close() end)
    helpers.raises(function() closed:dostring("x = 1 close() x = 2") end, "sandbox is closed")
    copy, _, why = sandbox.replay(table.concat(pieces))
    assert.same({ 1, nil }, { copy:get("x"), why })
    copy:close()
  end)

  it("leaves nothing behind", function()
    local box, finish = recorded()
    box:set("ask", function(n) return n end)
    box:dostring("x = ask(1) x = ask(2) print(x)")
    local journal = finish()
    local broken = journal:sub(1, -3)
    helpers.assert_flat(60, function()
      sandbox.replay(journal):close()
      sandbox.replay(journal, { to = 4 }):close()
      sandbox.replay(broken):close()
      pcall(sandbox.replay, journal .. "x" .. journal)
    end)
  end)
end)
