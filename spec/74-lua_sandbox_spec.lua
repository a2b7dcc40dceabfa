--- What Mozilla's lua_sandbox asks of a sandbox, in our words: errors of every kind, output limits, errors of configuration, figures
-- of use, data kept from message to message. (Its restore is a matter of images.)

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("lua_sandbox:", function()
  after_each(helpers.tidy)

  describe("a sandbox", function()
    it("names what is wrong with a configuration", function()
      for _, case in ipairs { { memory = "much" }, { cpu = {} }, { output = -1 }, { memory_limit = 1 }, { output_limit = 1 } } do
        raises(function() sandbox.new(case) end, (next(case)))
      end
    end)

    it("counts output exactly, up to the limit and no further", function()
      local box = box_with { output = 63 }
      local got = helpers.captured(box)
      box:dostring("for _ = 1, 7 do io.write('123456789') end")
      assert.equal(63, box:usage().output)
      raises(function() box:dostring("io.write('1')") end, "output limit of 63")
      assert.equal(63, #got())
    end)

    it("keeps what a script has stored from one message to the next", function()
      local box = box_with()
      box:dostring("count, history = 0, {} function process(m) count = count + 1 history[count] = m return count end")
      local process = box:get("process")
      for i = 1, 50 do assert.equal(i, process("message " .. i)) end
      assert.equal("message 50", box:get("history")[50])
    end)

    it("does not restart an allowance with a new coroutine", function()
      local box = box_with { cpu = 0.1 }
      helpers.assert_cpu_stop(box, 0.1, "while true do coroutine.wrap(function() for _ = 1, 1000 do end end)() end")
    end)
  end)

  describe("configuration", function()
    it("that is no table, or holds what is no option, is refused by a message that says which", function()
      for _, case in ipairs { 1, "memory", true, print } do
        raises(function() sandbox.new(case) end, "table expected")
      end
      for name, case in pairs {
        memory = { memory = "8" }, cpu = { cpu = 0 / 0 }, wall = { wall = -1 }, output = { output = {} }, depth = { depth = 1.5 },
        per = { per = "message" }, instruction_limit = { instruction_limit = 10 }, Memory = { Memory = 10 },
      } do
        raises(function() sandbox.new(case) end, "option", name)
        local box = box_with()
        local before = box:limits()
        raises(function() box:limits(case) end, "option", name)
        assert.same(before, box:limits())
      end
      raises(function() sandbox.new { 8 } end, "option")
    end)

    it("is shown as it was taken", function()
      local box = box_with { memory = 3 * helpers.MiB, cpu = 0.25, wall = 60, output = 99, depth = 2, per = "call" }
      local limits = box:limits()
      assert.equal(3 * helpers.MiB, limits.memory)
      assert.equal(0.25, limits.cpu)
      assert.equal(60, limits.wall)
      assert.equal(99, limits.output)
      assert.equal(2, limits.depth)
      assert.equal("call", limits.per)
    end)
  end)

  describe("processing messages", function()
    it("a failing one leaves the state to the next", function()
      local box = box_with()
      box:dostring([[
        good, bad = 0, 0
        function process(m)
          if m == "fail" then bad = bad + 1 error("cannot process " .. m) end
          if m == "index" then local t return t.x end
          if m == "value" then error({why = m}) end
          if m == "nil" then error(nil) end
          good = good + 1
        end
      ]])
      local process = box:get("process")
      raises(function() process("fail") end, "cannot process fail")
      raises(function() process("index") end, "index")
      local ok, value = pcall(process, "value")
      assert.is_false(ok)
      assert.same({ why = "value" }, value)
      ok = pcall(process, "nil")
      assert.is_false(ok)
      process("fine")
      assert.equal(1, box:get("good"))
      assert.equal(1, box:get("bad"))
      assert.equal("ready", (box:status()))
    end)

    it("each has its own allowance of output, and the whole is counted", function()
      local box = box_with { output = 10, per = "call" }
      local got = helpers.captured(box)
      box:dostring("function process(n) io.write(('x'):rep(n)) end")
      local process = box:get("process")
      for _ = 1, 5 do process(10) end
      assert.equal(50, #got())
      assert.equal(50, box:usage().output)
      raises(function() process(11) end, "output limit of 10 bytes exceeded")
      assert.equal(60, #got())
    end)

    it("output past the limit stops the script where it is, pcall or not", function()
      for _, write in ipairs {
        "print(('x'):rep(20))", "io.write('x', ('x'):rep(20))", "io.stdout:write(('x'):rep(20))", "io.stderr:write(('x'):rep(20))",
      } do
        local box = box_with { output = 16 }
        raises(function() box:dostring("pcall(function() " .. write .. " end) after = true") end, "output limit of 16")
        helpers.assert_stopped(box, "output", "softly")
        box:limits { output = 16 }
        if box:status() == "ready" then assert.is_nil(box:get("after")) end
      end
    end)

    it("use is told in figures: now, at most, and the limit", function()
      local box = box_with { memory = 8 * helpers.MiB }
      local empty = box:usage().memory
      box:dostring("kept = ('x'):rep(2^20)")
      local full = box:usage()
      assert.is_true(full.memory >= empty + helpers.MiB)
      assert.is_true(full.memory_peak >= full.memory)
      box:dostring("kept = nil collectgarbage()")
      local after = box:usage()
      assert.is_true(after.memory < full.memory - helpers.MiB / 2)
      assert.is_true(after.memory_peak >= full.memory_peak)
      assert.is_true(after.memory_peak <= box:limits().memory)
    end)

    it("a script that does not compile says where, and leaves nothing", function()
      local box = box_with()
      raises(function() box:dostring("x = 1\ny = = 2", "=message.lua") end, ":2:")
      assert.is_nil(box:get("x"))
    end)
  end)
end)
