--- box:record: when it may begin, what it is written to, what ends it.

local helpers = require "spec.helpers"
local recorded = require "spec.recorded"
local sandbox = require "sandbox"

describe("box:record", function()
  after_each(helpers.tidy)

  it("takes a function or a file that can be written to", function()
    local box = helpers.box()
    helpers.raises(function() box:record() end, "bad argument #1 to 'record'")
    helpers.raises(function() box:record(1) end, "function or file expected, got number")
    helpers.raises(function() box:record({}) end, "function or file expected, got table")
    local closed = helpers.handle("")
    closed:close()
    helpers.raises(function() box:record(closed) end, "closed file")
    -- None of these was a beginning.
    local path = helpers.file("")
    local file = assert(io.open(path, "wb"))
    box:record(file)
    assert.equal(3, box:dostring("return 1 + 2"))
    box:record(nil)
    file:close()
    box:close()
    local journal = assert(io.open(path, "rb"))
    local copy, events, why = sandbox.replay(journal)
    journal:close()
    assert.same({ 3, nil }, { events, why })
    copy:close()
  end)

  it("begins before the first call into a box of the host itself, once", function()
    local used = helpers.box()
    used:dostring("x = 1")
    helpers.raises(function() used:record(function() end) end, "a recording begins before the first call into the box")
    local box = recorded()
    helpers.raises(function() box:record(function() end) end, "the box is being recorded already")
    local mark = box:checkpoint()
    helpers.raises(function() box:rollback(mark) end, "a box that is recorded can't be rolled back")
    helpers.raises(function() box:opensandbox() end, "a box that is recorded can have no boxes below it")
    box:set("x", 1)
    box:record(nil)
    box:record(nil)
    helpers.raises(function() box:record(function() end) end, "a recording begins before the first call into the box")
    local above = helpers.box()
    above:opensandbox()
    above:dostring([[
      local ok, message = pcall(function() sandbox.new():record(print) end)
      assert(not ok and message:find("a box below a box can't be recorded", 1, true), message)
      assert(sandbox.replay == nil)
    ]])
    box:close()
    helpers.raises(function() box:record(nil) end, "sandbox is closed")
  end)

  it("begins with a header that names this Lua", function()
    local box, finish = recorded()
    box:set("x", 1)
    local name = helpers.is_jit and "LuaJIT 2.1" or _VERSION
    assert(finish():sub(1, 100):find(name, 1, true))
  end)

  it("writes whole frames at the end of each call, and while there is much to write", function()
    local box, pieces = helpers.box(), {}
    box:record(function(piece) pieces[#pieces + 1] = #piece end)
    assert.equal(1, #pieces)
    box:set("x", 1)
    assert.equal(2, #pieces)
    local source = helpers.handle(("a line of some length\n"):rep(1000))
    box:stdin(source)
    box:dostring("for _ in io.lines() do end")
    source:close()
    assert(#pieces > 5, #pieces .. " pieces")
    -- The line, and a few bytes.
    local total = 0
    for i = 3, #pieces do total = total + pieces[i] end
    assert(total < 1000 * 32 + 1000, total .. " bytes for 1000 lines of 21")
  end)

  it("costs a box that is not recorded nothing that it could see", function()
    local box = recorded()
    local code = [[
      local names = {}
      for name, library in pairs(_G) do
        names[#names + 1] = name .. ":" .. type(library)
        if type(library) == "table" and library ~= _G then
          for key, value in pairs(library) do names[#names + 1] = name .. "." .. tostring(key) .. ":" .. type(value) end
        end
      end
      table.sort(names)
      local iterator = pairs({})
      return table.concat(names, " "), iterator == next, select("#", ipairs({})), io.getenv == os.getenv
    ]]
    assert.same({ helpers.box():dostring(code) }, { box:dostring(code) })
    helpers.assert_as_stock({
      "return pcall(function() local a = pairs() return a end)",
      "return pcall(function() local a = ipairs() return a end)",
      "return pcall(next, {}, 1)",
      "local s = 0 for i, v in ipairs({ 1, 2, nil, 4 }) do s = s + v end return s",
      "local t = {} for k, v in pairs({ 10, x = 20 }) do t[k] = v end return t",
      "return pcall(function() for k in pairs(nil) do end end)",
      "return next({}) == nil, next({ 7 })",
      [[local t = setmetatable({}, { __pairs = function(t) return function(_, k) if not k then return 1, 2 end end, t end })
        local n = 0 for k, v in pairs(t) do n = n + v end return n]],
      "return select(2, pcall(string.rep))",
      "return pcall(string.format, '%d', 'x')",
    }, "", box)
  end)

  it("ends where its writer fails, and the call that is under way says so", function()
    local box, broken = helpers.box(), false
    box:record(function() if broken then error("the disk is full", 0) end end)
    box:set("x", 1)
    broken = true
    local message = helpers.raises(function() box:dostring("x = 2") end, "recording ended: the disk is full")
    assert(not message:find("stack traceback", 1, true))
    -- What was done is done, and nothing is written any more.
    assert.equal(2, box:get("x"))
    assert.equal("ready", (box:status()))
    box:record(nil)

    local second = helpers.box()
    helpers.raises(function() second:record(function() error("no") end) end, "recording ended: ")
    assert.equal(1, second:dostring("return 1"))

    local full = io.open("/dev/full", "wb")
    if full then
      full:setvbuf("no")
      local third = helpers.box()
      helpers.raises(function() third:record(full) end, "recording ended: ")
      full:close()
    end
  end)

  it("says at the end what the writer says then", function()
    local box, broken = helpers.box(), false
    box:record(function() if broken then error("gone", 0) end end)
    box:set("x", 1)
    broken = true
    helpers.raises(function() box:record(nil) end, "recording ended: gone")
    assert.equal(1, box:get("x"))
    local other = helpers.box()
    broken = false
    other:record(function() if broken then error("gone", 0) end end)
    broken = true
    helpers.raises(function() other:close() end, "recording ended: gone")
    assert.equal("closed", (other:status()))
  end)

  it("lets the writer use the box, and end the recording", function()
    local box, pieces = helpers.box(), {}
    box:record(function(piece)
      pieces[#pieces + 1] = piece
      if #pieces == 2 then box:set("written", 1) end
    end)
    box:dostring("y = 1")
    assert.equal(1, box:get("written"))
    box:record(nil)
    box:close()
    local copy, _, why = sandbox.replay(table.concat(pieces))
    assert.is_nil(why)
    assert.equal(1, copy:get("written"))
    copy:close()

    local ended, count = helpers.box(), 0
    ended:record(function()
      count = count + 1
      if count == 2 then ended:record(nil) end
      if count == 4 then ended:close() end
    end)
    ended:set("x", 1)
    ended:set("x", 2)
    assert(count >= 2, count .. " pieces")
    local closing
    closing = helpers.box()
    local seen = 0
    closing:record(function()
      seen = seen + 1
      if seen == 2 then closing:close() end
    end)
    pcall(closing.set, closing, "x", 1)
    assert.equal("closed", (closing:status()))
  end)

  it("goes on with nothing left behind when boxes are closed or forgotten", function()
    helpers.assert_flat(60, function()
      local box = sandbox.new()
      box:record(function() end)
      box:dostring("x = tostring({})")
      box:close()
      local forgotten = sandbox.new()
      forgotten:record(function() end)
      forgotten:set("x", 1)
    end)
  end)
end)
