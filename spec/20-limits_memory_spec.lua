--- Manual, section 3: the memory limit, Lua's own "not enough memory", which the code may catch and live with.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, MiB = helpers.raises, helpers.MiB

-- Each fills memory in its own way until there is none.
local HOGS = {
  ["a growing table"] = "local t = {} for i = 1, math.huge do t[i] = i end",
  ["many tables"] = "local t = {} for i = 1, math.huge do t[i] = { {} } end",
  ["a chain of tables"] = "local t while true do t = { t } end",
  ["a doubling string"] = "local s = 'x' while true do s = s .. s end",
  ["one giant string"] = "local s = ('x'):rep(2^30) return #s",
  ["many strings"] = "local t = {} for i = 1, math.huge do t[i] = ('x'):rep(1000) .. i end",
  ["concatenations"] = "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1000) end while true do t[#t + 1] = table.concat(t) end",
  ["closures"] = "local t = {} for i = 1, math.huge do t[i] = function() return i end end",
  ["coroutines"] = "local t = {} for i = 1, math.huge do t[i] = coroutine.create(function() end) coroutine.resume(t[i]) end",
  ["gsub that expands"] = "local s = 'x' while true do s = s:gsub('x', ('x'):rep(100)) end",
  ["the parser"] = "local t = {} for i = 1, 1e6 do t[i] = 'x' .. i .. '=1 ' end return (loadstring or load)(table.concat(t))",
  ["globals"] = "for i = 1, math.huge do _G['name' .. i] = i end",
  ["the collector switched off"] = "collectgarbage('stop') local t = {} while true do t[#t + 1] = { {} } end",
  ["boxes below"] = "local t = {} for i = 1, math.huge do t[i] = sandbox.new() end",
}

describe("the memory limit", function()
  after_each(helpers.tidy)

  it("is 64 MiB unless said otherwise", function()
    local box = helpers.box()
    assert.equal(64 * MiB, box:limits().memory)
    assert.equal(20, box:dostring("t = {} local s = ('x'):rep(2^20) for i = 1, 20 do t[i] = s .. i end return #t"))
    raises(function() box:dostring("local s = t[1] for i = 21, 70 do t[i] = s .. i end") end, "not enough memory")
  end)

  for name, code in pairs(HOGS) do
    it("holds against " .. name, function()
      local box = helpers.box { memory = 4 * MiB, cpu = 20 }
      box:opensandbox()
      local before = helpers.resident()
      raises(function() box:dostring(code) end, "not enough memory")
      assert.is_true(box:usage().memory <= 4 * MiB)
      assert.is_true(box:usage().memory_peak <= 4 * MiB)
      assert.is_true(helpers.resident() - before < 16 * MiB)
      -- The box lives on: what it had is garbage now.
      assert.equal("ready", (box:status()))
      assert.equal(3, box:dostring("collectgarbage('restart') collectgarbage() return 1 + 2"))
    end)

    it("can be caught inside: " .. name, function()
      local box = helpers.box { memory = 4 * MiB, cpu = 20 }
      box:opensandbox()
      local ok, message, after = box:dostring("local ok, message = pcall((loadstring or load)(...)) " ..
        "collectgarbage('restart') collectgarbage() return ok, message, 'lives'", code)
      assert.is_false(ok)
      assert.is_truthy(message:find("not enough memory", 1, true))
      assert.equal("lives", after)
    end)
  end

  it("raises stock Lua's message, without a position", function()
    local box = helpers.box { memory = 2 * MiB }
    local _, message
    if helpers.version == 53 then
      -- The buffer of a library function has words of its own there, and a position.
      _, message = pcall(box.dostring, box, "local s = ('x'):rep(2^24)")
      assert.equal('[string "local s = (\'x\'):rep(2^24)"]:1: not enough memory for buffer allocation', message)
    else
      _, message = box:dostring("return pcall(string.rep, 'x', 2^24)")
      assert.equal("not enough memory", message)
      _, message = pcall(box.dostring, box, "local s = ('x'):rep(2^24)")
      assert.equal("not enough memory", message)
    end
    _, message = pcall(box.dostring, box, "local s = 'x' while true do s = s .. s end")
    assert.equal("not enough memory", message)
  end)

  it("leaves globals and heap intact", function()
    local box = helpers.box { memory = 4 * MiB }
    box:dostring("kept = {} for i = 1, 1000 do kept[i] = 'value ' .. i end")
    for _ = 1, 20 do
      raises(function() box:dostring("local t = {} while true do t[#t + 1] = {} end") end, "not enough memory")
    end
    assert.equal("value 1000", box:dostring("collectgarbage() return kept[1000]"))
    assert.equal(1000, box:dostring("return #kept"))
  end)

  it("is exact: what is freed can be used again, for ever", function()
    local box = helpers.box { memory = 8 * MiB, cpu = 60 }
    assert.equal(300, box:dostring([[
      local n = 0
      for i = 1, 300 do
        local t = {}
        for j = 1, 50 do t[j] = ('x'):rep(i * 100 % 20000) .. j end
        t = nil
        if i % 10 == 0 then collectgarbage() end
        n = n + 1
      end
      return n]]))
    assert.is_true(box:usage().memory_peak <= 8 * MiB)
  end)

  it("may be lowered below what is in use, and raised again", function()
    local box = helpers.box()
    box:dostring("kept = ('x'):rep(4 * 2^20)")
    box:limits { memory = 2 * MiB }
    raises(function() box:dostring("local t = {} for i = 1, 1e6 do t[i] = {} end") end, "not enough memory")
    box:limits { memory = 64 * MiB }
    assert.equal(4 * MiB, box:dostring("return #kept"))
    assert.equal(8 * MiB, box:dostring("return #('x'):rep(8 * 2^20)"))
  end)

  it("is lifted by math.huge", function()
    local box = helpers.box { memory = math.huge }
    assert.equal(100 * MiB, box:dostring("return #('x'):rep(100 * 2^20)"))
  end)

  it("is an error of sandbox.new where not even the libraries fit", function()
    for _, memory in ipairs { 0, 1, 100, 1000, 10000 } do
      raises(function() sandbox.new { memory = memory } end, "not enough memory")
    end
    assert.equal(1, helpers.box():dostring("return 1"))
  end)

  it("is charged with the values that cross", function()
    local box = helpers.box { memory = 2 * MiB }
    local large = ("x"):rep(8 * MiB)
    raises(function() box:set("s", large) end, "not enough memory")
    raises(function() box:dostring("return 1", large) end, "not enough memory")
    box:set("f", function() return large end)
    raises(function() box:dostring("return #f()") end, "not enough memory")
    assert.is_false(box:dostring("return (pcall(f))"))
    local many = {}
    for i = 1, 200000 do many[i] = { i } end
    raises(function() box:set("t", many) end, "not enough memory")
    assert.equal("ready", (box:status()))
    assert.equal(5, box:dostring("collectgarbage() return ...", 5))
    assert.is_true(box:usage().memory_peak <= 2 * MiB)
  end)

  it("is charged with code", function()
    local box = helpers.box { memory = 2 * MiB }
    local code = "return 1 --" .. ("x"):rep(8 * MiB)
    raises(function() box:dofile(helpers.file("return {" .. ("'abcdefgh',"):rep(500000) .. "}")) end, "not enough memory")
    -- A comment costs nothing to keep; whether it fits is the buffer's affair.
    local ok, result = pcall(box.dostring, box, code)
    assert.is_true(ok and result == 1 or not ok and result:find("not enough memory", 1, true) ~= nil)
    assert.equal(1, box:dostring("collectgarbage() return 1"))
  end)

  it("is charged with a stream's buffers", function()
    local box = helpers.box { memory = 2 * MiB, cpu = 10 }
    local piece = ("x"):rep(65536)
    box:stdin(sandbox.newstream(function() return piece end))
    local before = helpers.resident()
    for _, format in ipairs { "*l", "*a", 2 ^ 28 } do
      raises(function() box:dostring("return #io.read(...)", format) end, "not enough memory")
      assert.is_false(box:dostring("collectgarbage() return (pcall(io.read, ...))", format))
    end
    raises(function() box:dostring("for line in io.lines() do end") end, "not enough memory")
    assert.is_true(helpers.resident() - before < 16 * MiB)
    assert.equal("ready", (box:status()))
    assert.equal("xx", box:dostring("collectgarbage() return io.read(2)"))
  end)

  -- Debian's LuaJIT crashes where memory runs out in compiled code, in a call that was inlined (its issue 1034).
  local crash = helpers.is_jit and "LuaJIT: the interpreter's own crash; the box is killed"

  helpers.it_unless(not crash and "LuaJIT's own", "costs no more than the box where the interpreter crashes of it", function()
    local box = helpers.box { memory = 2 * MiB, cpu = 0.3 }
    raises(function()
      box:dostring("local t = {} local function f() t[#t + 1] = ('x'):rep(1000) .. #t end while true do pcall(f) end")
    end)
    assert.is_not.equal("ready", (box:status()))
    helpers.assert_cpu_stop(helpers.box { memory = 2 * MiB, cpu = 0.3 }, 0.3,
      "local t = {} while true do for _, f in pairs { string.rep } do t[#t + 1] = select(2, pcall(f, 'x', 2^20)) end end")
  end)

  helpers.it_unless(crash, "doesn't stop the cpu limit from holding against code that swallows the error", function()
    local box = helpers.box { memory = 2 * MiB, cpu = 0.3 }
    helpers.assert_cpu_stop(box, 0.3,
      "local t = {} local function f() t[#t + 1] = ('x'):rep(1000) .. #t end while true do pcall(f) end")
  end)

  it("gives all memory back when the box is killed", function()
    local box = helpers.box { memory = 64 * MiB, cpu = 0.3 }
    box:dostring("s = ('x'):rep(16 * 2^20)")
    local killed = {}
    helpers.assert_flat(20, function()
      -- Time enough to get as far as the search.
      local other = sandbox.new { cpu = 0.05 }
      pcall(other.dostring, other, [[s = ("x"):rep(2^20)
        return (("a"):rep(30):find(("a?"):rep(30) .. ("a"):rep(30) .. "b"))]])
      assert.equal("killed", (other:status()))
      -- Neither closed nor lost: the stop itself gives the memory back.
      killed[#killed + 1] = other
    end)
    assert.equal(16 * MiB, box:dostring("return #s"))
  end)
end)
