--- Manual, section 4: os in a box: clock, date, time, difftime, getenv, exit.

local helpers = require "spec.helpers"

local raises = helpers.raises

describe("os in a box", function()
  after_each(helpers.tidy)

  it("has these names and no others", function()
    assert.equal("clock date difftime exit getenv time", helpers.box():dostring([[
      local names = {} for k in pairs(os) do names[#names + 1] = k end table.sort(names) return table.concat(names, " ")]]))
  end)

  it("formats dates as stock does", function()
    local snippets = {}
    for _, time in ipairs { 0, 1, 86399, 951782400, 1e9, 1700000000, 2 ^ 31 - 1, 2 ^ 31, 4102444800, -1, -86400 } do
      for _, format in ipairs { "%Y-%m-%d %H:%M:%S", "!%Y-%m-%d %H:%M:%S", "%c", "!%c", "%x %X %p", "%a %A %b %B %d %j %U %w %W %y %%",
        "!%I:%M", "!%Z", "" } do
        snippets[#snippets + 1] = ("return os.date(%q, %d)"):format(format, time)
      end
      snippets[#snippets + 1] = ("return os.date('*t', %d)"):format(time)
      snippets[#snippets + 1] = ("return os.date('!*t', %d)"):format(time)
      -- Stock versions differ on -1, which C's mktime uses for failure.
      if time >= 0 then snippets[#snippets + 1] = ("return os.time(os.date('*t', %d)) == %d"):format(time, time) end
    end
    helpers.assert_as_stock(snippets)
  end)

  it("formats each conversion, and refuses others, as stock does", function()
    local snippets = {}
    -- Lua 5.1 and LuaJIT hand anything to strftime, which is glibc's own affair beyond standard C.
    local checked = helpers.version > 51
    for byte = 33, 126 do
      local char = string.char(byte)
      if checked and not char:find("[s+]") or char:find("[aAbBcdHIjmMpSUwWxXyYZ%%]") then
        snippets[#snippets + 1] = ("return os.date(%q, 1000000000)"):format("!%" .. char .. "|")
      end
    end
    for _, format in ipairs { "!", "a", ("%c"):rep(100) } do
      snippets[#snippets + 1] = ("return os.date(%q, 1000000000)"):format(format)
    end
    if checked then
      for _, format in ipairs { "%Ec", "%Od", "%EY", "%Ee", "%", "a%" } do
        snippets[#snippets + 1] = ("return os.date(%q, 1000000000)"):format(format)
      end
    end
    helpers.assert_as_stock(snippets)
  end)

  it("makes times as stock does", function()
    helpers.assert_as_stock {
      "return os.time({ year = 2000, month = 1, day = 1, hour = 0 })", "return os.time({ year = 2000, month = 1, day = 1 })",
      "return os.time({ year = 2024, month = 2, day = 29, hour = 12, min = 30, sec = 15 })",
      "return os.time({ year = 2023, month = 14, day = -3, hour = 25, min = 61, sec = -1 })",
      "local t = { year = 2023, month = 14, day = 35 } os.time(t) return t",
      "return os.time({ year = 2000, month = 7, day = 1, hour = 0, isdst = false })",
      "return os.time({ year = '2000', month = '01', day = '1' })", "return os.time({ year = 1969, month = 12, day = 31, hour = 1 })",
      "return os.time({ year = 2000, month = 1 })", "return os.time({})", "return os.time({ year = 'x', month = 1, day = 1 })",
      "return os.time({ year = 2000.5, month = 1, day = 1 })",
      "return os.time(5)", "return os.time('x')", "return os.difftime(10, 3), os.difftime(3, 10)", "return os.difftime()",
      "return os.difftime(5)", "return os.difftime('x', 1)", "return os.date({})", "return os.date('%Y', 'x')",
      "return type(os.time()), type(os.date()), type(os.clock())", "return os.date('*t', 2^60)", "return os.date('%Y', 2.5)",
      "return os.getenv()", "return os.getenv({})", "return os.getenv('LUA_PATH_OF_NO_ONE')",
    }
  end)

  it("tells the time of the host", function()
    local box = helpers.box()
    local before = os.time()
    local inside = box:dostring("return os.time()")
    assert.is_true(inside >= before and inside <= os.time())
    -- A box knows no time zone but UTC.
    assert.equal(os.date("!%Y-%m-%d"), box:dostring("return os.date('%Y-%m-%d')"))
  end)

  it("has a clock of the box's own CPU time", function()
    local box = helpers.box()
    helpers.burn(0.1)
    local first = box:dostring("return os.clock()")
    assert.is_true(first >= 0 and first < 0.1, "starts at " .. first)
    box:set("burn", function() helpers.burn(0.2) end)
    local spent = box:dostring("local before = os.clock() burn() return os.clock() - before")
    assert.is_true(spent < 0.15, "the host's time shows: " .. spent)
    local own = box:dostring("local before = os.clock() for i = 1, 5e6 do local x = i % 7 end return os.clock() - before")
    assert.is_true(own > 0)
    assert.is_true(box:dostring("local a = os.clock() local b = os.clock() return b >= a"))
  end)

  it("ends the call, not the process, with os.exit", function()
    local box = helpers.box()
    for code, exit in pairs { ["os.exit()"] = 0, ["os.exit(true)"] = 0, ["os.exit(false)"] = 1, ["os.exit(0)"] = 0,
      ["os.exit(1)"] = 1, ["os.exit(42)"] = 42, ["os.exit(255)"] = 255, ["os.exit('7')"] = 7 } do
      if helpers.version > 51 or helpers.is_jit or not code:find("true") and not code:find("false") then
        assert.equal(0, select("#", box:dostring(code .. " return 1")), code)
        assert.equal(exit, box:usage().exit, code)
      end
    end
    raises(function() box:dostring("os.exit({})") end, "bad argument #1 to 'exit'")
    assert.equal("ready", (box:status()))
  end)

  it("lets nothing of the call run after os.exit", function()
    local box, notes = helpers.box(), 0
    box:set("note", function() notes = notes + 1 end)
    for _, code in ipairs {
      "pcall(os.exit, 1) note()", "xpcall(function() os.exit(1) end, note) note()", "coroutine.wrap(function() os.exit(1) end)() note()",
      "coroutine.resume(coroutine.create(function() pcall(os.exit, 1) note() end)) note()",
      "('x'):gsub('x', function() os.exit(1) end) note()", "table.sort({ 3, 2, 1 }, function() os.exit(1) end) note()",
      "local t = setmetatable({}, { __index = function() os.exit(1) end }) local x = t.x note()",
      "(loadstring or load)('os.exit(1)')() note()",
    } do
      assert.equal(0, select("#", box:dostring(code .. " return 1, 2")), code)
      assert.equal(1, box:usage().exit, code)
    end
    assert.equal(0, notes)
    assert.equal("ready", (box:status()))
  end)

  helpers.it_unless(helpers.no_close, "runs no __close after os.exit", function()
    local box, notes = helpers.box(), 0
    box:set("note", function() notes = notes + 1 end)
    box:dostring("local x <close> = setmetatable({}, { __close = function() note() end }) os.exit(1)")
    assert.equal(0, notes)
    assert.equal(1, box:usage().exit)
  end)

  it("ends only the innermost call with os.exit", function()
    local box = helpers.box()
    box:set("inner", function() return select("#", box:dostring("os.exit(5)")) end)
    assert.equal(0, (box:dostring("return inner()")))
    assert.equal(5, box:usage().exit)
  end)

  it("ends a box below, not the one above, with os.exit", function()
    local box = helpers.box()
    box:opensandbox()
    local count, exit, after = box:dostring([[
      local b = sandbox.new()
      local count = select("#", b:dostring("os.exit(9)"))
      return count, b:usage().exit, "goes on"]])
    assert.equal(0, count)
    assert.equal(9, exit)
    assert.equal("goes on", after)
    assert.is_nil(box:usage().exit)
  end)

  it("can't change locale, environment or time zone of the process", function()
    local locale = os.setlocale()
    local box = helpers.box()
    assert.equal("nil", box:dostring("return type(os.setlocale)"))
    box:env { TZ = "Asia/Tokyo", LC_ALL = "de_DE" }
    local inside = box:dostring("return os.date('%H', 0)")
    assert.equal("00", inside)
    assert.equal(locale, os.setlocale())
  end)
end)
