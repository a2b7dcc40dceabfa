--- What lupa and ketralnis' lua_sandbox ask of memory limits, in our words: a bound at every entry, on the pattern functions, that can be
-- changed while there is data, and that tells what is in use.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("lupa:", function()
  after_each(helpers.tidy)

  describe("memory", function()
    it("is bounded at each way in", function()
      local big = ("x"):rep(4 * helpers.MiB)
      local ways = {
        set = function(box) box:set("s", big) end,
        argument = function(box) box:dostring("return 1", big) end,
        code = function(box) box:dostring("return '" .. big .. "'") end,
        proxy = function(box) box:load("return ...")(big) end,
        inside = function(box) box:dostring("return #('x'):rep(2^22)") end,
        table = function(box) box:dostring("local t = {} for i = 1, 1e6 do t[i] = i end") end,
        callback = function(box)
          box:set("f", function() return big end)
          box:dostring("f()")
        end,
      }
      for name, way in pairs(ways) do
        local box = box_with { memory = 2 * helpers.MiB }
        raises(function() way(box) end, "not enough memory")
        assert.equal("ready", (box:status()), name)
        assert.is_true(box:usage().memory_peak <= 2 * helpers.MiB, name)
      end
    end)
  end)

  describe("a memory limit", function()
    it("may be set where there was none, lowered below what is in use, and lifted", function()
      local box = box_with { memory = math.huge }
      box:dostring("kept = ('x'):rep(4 * 2^20)")
      box:limits { memory = helpers.MiB }
      raises(function() box:dostring("more = ('y'):rep(2^16)") end, "not enough memory")
      box:limits { memory = math.huge }
      box:dostring("more = ('y'):rep(2^16)")
      assert.equal(2 ^ 16, #box:get("more"))
      assert.equal(4 * 2 ^ 20, #box:get("kept"))
    end)

    it("is the box's alone: neither the host nor another box feels it", function()
      local full, other = box_with { memory = helpers.MiB }, box_with { memory = 16 * helpers.MiB }
      raises(function() full:dostring("local t = {} while true do t[#t + 1] = {} end") end, "not enough memory")
      assert.equal(1e6, #other:dostring("return ('x'):rep(1e6)"))
      local t = {}
      for i = 1, 1e5 do t[i] = i end
      assert.equal(1e5, #t)
    end)

    it("too small to open a box is an error that leaves nothing", function()
      helpers.assert_flat(100, function()
        for _, memory in ipairs { 0, 1, 1000, 10000 } do
          raises(function() sandbox.new { memory = memory } end, "not enough memory")
        end
      end)
    end)

    it("is reached and left thirty times by one box", function()
      local box = box_with { memory = 2 * helpers.MiB }
      for _ = 1, 30 do
        assert.is_false((pcall(box.dostring, box, "local s = 'x' while true do s = s .. s end")))
        assert.equal("ready", (box:status()))
      end
      box:dostring("collectgarbage()")
      assert.is_true(box:usage().memory < helpers.MiB)
    end)

    it("counts what is made from what is small", function()
      local makers = {
        rep = "return #('abc'):rep(2^22)", ["rep of rep"] = "return #(('x'):rep(2^12)):rep(2^12)",
        format = "local f = ('%99d'):rep(200) local t = {} for i = 1, 200 do t[i] = i end "
          .. "local kept = {} while true do kept[#kept + 1] = f:format((table.unpack or unpack)(t)) .. #kept end",
        concat = "local t = {} for i = 1, 2^12 do t[i] = ('x'):rep(2^11) end return #table.concat(t, ('-'):rep(100))",
        gsub = "return #(('x'):rep(2^18):gsub('.', '%0%0%0%0%0%0%0%0%0%0'))",
        ["gsub with a table"] = "return #(('x'):rep(2^18):gsub('.', {x = ('y'):rep(100)}))",
        ["gsub with a function"] = "return #(('x'):rep(2^14):gsub('.', function() return ('y'):rep(1000) end))",
        ["match with captures"] = "local s, kept = ('x'):rep(2^14), {} while true do local n = #kept + 1 "
          .. "kept[n] = {(n .. s):match('(.*)(.)')} end",
        gmatch = "local kept = {} for w in (('ab '):rep(2^17)):gmatch('%a+') do kept[#kept + 1] = {w} end",
        upper = "local s, kept = ('x'):rep(2^16), {} while true do s = s .. #kept kept[#kept + 1] = s:upper() end",
        reverse = "local s, kept = ('x'):rep(2^16), {} while true do s = s .. #kept kept[#kept + 1] = s:reverse() end",
        byte = "local s, kept = ('x'):rep(2000), {} while true do kept[#kept + 1] = {s:byte(1, -1)} end",
        coroutines = "local kept = {} while true do kept[#kept + 1] = coroutine.wrap(function() coroutine.yield() end) kept[#kept]() end",
      }
      for name, code in pairs(makers) do
        local box = box_with { memory = 2 * helpers.MiB }
        local ok, message = pcall(box.dostring, box, code)
        assert.is_false(ok, name)
        -- LuaJIT's own crash for want of memory in compiled code costs the box.
        local crashed = helpers.is_jit and box:status() == "killed"
        assert.is_truthy(crashed or tostring(message):find("not enough memory", 1, true), name .. ": " .. tostring(message))
        assert.is_true(box:status() == "killed" or box:usage().memory_peak <= 2 * helpers.MiB, name)
      end
    end)
  end)

  describe("pattern functions", function()
    it("work as they should on what is large, within time and memory", function()
      local box = box_with { memory = 32 * helpers.MiB, cpu = 10 }
      assert.same({ 100000, 100000, 99999, "z" }, { box:dostring([[
        local s = ("x"):rep(99999) .. "z"
        local _, last = s:find("x*z")
        local _, replaced = s:gsub(".", "y")
        local n = 0
        for _ in s:gmatch("x") do n = n + 1 end
        return last, replaced, n, s:match("[^x]")
      ]]) })
    end)

    it("that never end are stopped, whichever it is", function()
      local subject, pattern = "('a'):rep(3000)", "('a*'):rep(20) .. 'b'"
      for _, call in ipairs { "s:find(p)", "s:match(p)", "s:gsub(p, '')", "s:gmatch(p)()" } do
        helpers.assert_cpu_stop(box_with { cpu = 0.05 }, 0.05, ("local s, p = %s, %s return %s"):format(subject, pattern, call))
      end
    end)

    it("with patterns that are none raise stock errors", function()
      helpers.assert_as_stock {
        "return ('x'):find('%')", "return ('x'):find('[a')", "return ('x'):find('(')", "return ('x'):gsub('x', '%2')",
        "return ('x'):find('%b')", "return ('x'):find('%f')", "return ('x'):match('%1')", "return ('x'):rep(-1)",
      }
    end)
  end)

  describe("what is in use", function()
    it("is told by the box's collector and by the host alike", function()
      local box = box_with()
      local inside, outside
      box:set("ask", function() outside = box:usage().memory end)
      inside = box:dostring("kept = ('x'):rep(2^20) collectgarbage() ask() return collectgarbage('count') * 1024")
      assert.is_true(inside > 2 ^ 20)
      -- Beyond Lua's own count there is what the library holds for the box.
      assert.is_true(outside >= inside * 0.9 and outside < inside + helpers.MiB, inside .. " inside, " .. outside .. " outside")
    end)

    it("of a closed box is none of the process' any more", function()
      helpers.assert_flat(50, function()
        local box = sandbox.new()
        box:dostring("kept = ('x'):rep(8 * 2^20)")
        box:close()
      end)
    end)
  end)
end)
