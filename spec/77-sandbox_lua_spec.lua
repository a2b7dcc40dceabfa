--- What sandbox.lua (kikito) asks of a sandbox, in our words: an environment that does not leak, string methods intact afterwards,
-- quotas in nested calls.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("sandbox.lua:", function()
  after_each(helpers.tidy)

  describe("runs", function()
    it("leaves nothing of one run's limit to the next box", function()
      for _ = 1, 5 do
        local stopped = box_with { cpu = 0.02, memory = 2 * helpers.MiB }
        pcall(stopped.dostring, stopped, "while true do end")
        assert.equal(2e5, sandbox.run("local n = 0 for _ = 1, 2e5 do n = n + 1 end return n"))
      end
    end)

    it("counts a quota in nested calls once for all of them", function()
      local box = box_with { cpu = 0.2 }
      box:set("inner", function() return box:dostring("local t = os.clock() while os.clock() - t < 0.05 do end") end)
      assert.has_no.errors(function() box:dostring("inner() inner()") end)
      raises(function() box:dostring("while true do inner() end") end, "cpu limit of 0.2")
    end)
  end)

  describe("the environment", function()
    it("of one run is neither the host's nor the next run's", function()
      sandbox.run("leaked = 1 _G.leaked_too = 2 rawset(_G, 'leaked_three', 3) string.leaked = 4")
      assert.is_nil(rawget(_G, "leaked"))
      assert.is_nil(rawget(_G, "leaked_too"))
      assert.is_nil(rawget(string, "leaked"))
      assert.same({}, { sandbox.run("return leaked, leaked_too, leaked_three, string.leaked") })
    end)

    it("of a box stays from call to call, and is the box's own in each of its functions", function()
      local box = box_with()
      box:dostring("x = 1 function get() return x end function set(v) x = v end")
      box:get("set")(5)
      assert.equal(5, box:get("get")())
      assert.equal(5, box:get("x"))
      assert.is_nil(rawget(_G, "x"))
    end)

    it("holds what the host has put there, as copies", function()
      local config = { level = 1, list = { "a" } }
      local box = box_with()
      box:set("config", config)
      box:dostring("config.level = 2 config.list[2] = 'b'")
      assert.same({ level = 1, list = { "a" } }, config)
      assert.same({ level = 2, list = { "a", "b" } }, box:get("config"))
    end)

    it("shows none of the host's functions by way of those that were handed in", function()
      local box = box_with()
      box:set("double", function(x) return x * 2 end)
      assert.equal(42, box:dostring("return double(21)"))
      assert.same({ false, true, true }, { box:dostring([[
        local found = false
        for _, reach in ipairs {getfenv or false, debug.getupvalue or false, debug.getinfo or false, string.dump} do
          local ok, got = pcall(reach, double)
          if ok and type(got) == "table" and got.double == nil then found = true end
        end
        return found, not pcall(string.dump, double), debug.getupvalue == nil and debug.getinfo == nil
      ]]) })
    end)
  end)

  describe("string methods", function()
    local intact = function()
      assert.equal("ABC", ("abc"):upper())
      assert.equal("xxx", ("x"):rep(3))
      assert.equal(string, getmetatable("").__index)
    end

    it("are intact after a run, a failed one, and one that was stopped", function()
      sandbox.run("string.upper = nil string.rep = error getmetatable('').__index = nil")
      intact()
      pcall(sandbox.run, "string.rep = nil error('failed')")
      intact()
      pcall(sandbox.run, "string.rep = nil getmetatable('').__index = error while true do end", { cpu = 0.02 })
      intact()
    end)

    it("work inside, all of them, also in the middle of a host's call", function()
      local box = box_with()
      box:set("check", intact)
      assert.equal("ABC", box:dostring("string.upper = function() return 'changed' end check() string.upper = nil check() return ('ABC')"))
      assert.equal("xx", (sandbox.run("return ('x'):rep(2)")))
    end)

    it("leave the host's hook alone, in use or not", function()
      assert.is_nil((debug.gethook()))
      pcall(sandbox.run, "while true do end", { cpu = 0.02 })
      assert.is_nil((debug.gethook()))
    end)
  end)

  describe("a quota", function()
    it("stops what a function from the box does when it is called later", function()
      local box = box_with { cpu = 0.05 }
      local f = box:dostring("return function() while true do end end")
      raises(f, "cpu limit of 0.05")
    end)

    it("of an inner run is its own, and spent within the outer one's time", function()
      local inner_error
      local box = box_with { cpu = 5 }
      box:set("inner", function()
        local ok, message = pcall(sandbox.run, "while true do end", { cpu = 0.02 })
        inner_error = not ok and message
        return "outer goes on"
      end)
      assert.equal("outer goes on", box:dostring("return inner()"))
      assert.is_truthy(inner_error:find("cpu limit of 0.02", 1, true))
      assert.equal("ready", (box:status()))
    end)

    it("of the outer box holds for boxes that it makes, with whatever quota they are made", function()
      local box = box_with { cpu = 0.05 }
      box:opensandbox()
      helpers.assert_cpu_stop(box, 0.05, "while true do pcall(sandbox.run, 'while true do end', {cpu = math.huge}) end")
    end)

    it("that is lifted lets code run on", function()
      assert.equal(3e5, (sandbox.run("local n = 0 for _ = 1, 3e5 do n = n + 1 end return n", { cpu = math.huge, memory = math.huge })))
    end)
  end)

  describe("run", function()
    it("passes arguments and results, raises what was raised, and refuses bytecode", function()
      assert.same({ 3, "b", nil, 4 }, { sandbox.run("local a, b = ... return a + 1, b, nil, 4", nil, 2, "b") })
      local value = { 1 }
      local ok, got = pcall(sandbox.run, "error({1})")
      assert.is_false(ok)
      assert.same(value, got)
      raises(function() sandbox.run(string.dump(function() end)) end)
      raises(function() sandbox.run(nil) end, "bad argument #1 to 'run'")
    end)
  end)
end)
