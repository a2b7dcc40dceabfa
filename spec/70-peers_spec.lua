--- What isolated-vm's own tests and bug reports ask of a sandbox, put in our words. The other peers have a file each: 72 to 79.

local helpers = require "spec.helpers"

local box_with, raises = helpers.box, helpers.raises

describe("peers", function()
  after_each(helpers.tidy)

  describe("isolated-vm: disposal and limits", function()
    it("disposes while running, from a callback", function()
      local box = box_with()
      box:set("dispose", function() box:close() end)
      raises(function() box:dostring("dispose() while true do end") end, "sandbox is closed")
      assert.equal("closed", box:status())
    end)

    it("runs out of memory in nested objects, and only there", function()
      local box = box_with { memory = 4 * helpers.MiB }
      raises(function() box:dostring("local t = {} while true do t = {t, ('x'):rep(100)} end") end, "not enough memory")
      assert.equal("ready", box:status())
      assert.equal(3, box:dostring("collectgarbage() return 1 + 2"))
    end)

    helpers.it_unless(helpers.no_soft_stop, "is stopped at the brim of its memory and goes on", function()
      local box = box_with { memory = 4 * helpers.MiB, cpu = 0.05 }
      helpers.assert_cpu_stop(box, 0.05, "kept = 7 "
        .. "pcall(function() local t = {} while true do t = {t, ('x'):rep(100)} end end) while true do end")
      helpers.assert_stopped(box, "cpu", "softly")
      box:limits { cpu = 1 }
      assert.equal(7, box:dostring("collectgarbage() return kept"))
    end)

    it("runs out of memory while a value is copied in, and while one is copied out", function()
      local box = box_with { memory = 2 * helpers.MiB }
      local list = {}
      for i = 1, 2e5 do list[i] = "item " .. i end
      raises(function() box:set("list", list) end, "not enough memory")
      assert.is_nil(box:get("list"))
      raises(function() box:dostring("local s = ('x'):rep(4e5) return {s, s .. 1, s .. 2, s .. 3, s .. 4}") end, "not enough memory")
      assert.equal(1, box:dostring("collectgarbage() return 1"))
    end)

    it("has timers of both kinds at once: the shorter one stops", function()
      local box = box_with { cpu = 0.05, wall = 30 }
      raises(function() box:dostring("while true do end") end, "cpu limit")
      helpers.assert_stopped(box, "cpu")
      box = box_with { cpu = 30, wall = 0.05 }
      raises(function() box:dostring("while true do end") end, "wall limit")
      helpers.assert_stopped(box, "wall")
    end)

    it("stops a function of the box that the host calls later", function()
      local box = box_with { cpu = 0.05 }
      local f = box:dostring("return function() while true do end end")
      raises(f, "cpu limit")
      helpers.assert_stopped(box, "cpu")
    end)

    it("carries an error's details across the border and back", function()
      local box = box_with()
      box:set("fail", function(code) error({ code = code, inner = { "why" } }) end)
      local ok, e = pcall(box.dostring, box, "local ok, e = pcall(fail, 42) e.seen = true error(e)")
      assert.is_false(ok)
      assert.same({ code = 42, inner = { "why" }, seen = true }, e)
    end)

    it("ends recursion across the border with an error", function()
      local box = box_with()
      box:set("over", function() return box:dostring("return over()") end)
      local ok, message = pcall(box.dostring, box, "return over()")
      assert.is_false(ok)
      assert.equal("string", type(message))
    end)

    it("stops a collection that never ends", function()
      local box = box_with { cpu = 0.1 }
      helpers.assert_cpu_stop(box, 0.1, [[
        local guard
        if newproxy then
          function guard() local p = newproxy(true) getmetatable(p).__gc = function() guard() end end
        else
          function guard() setmetatable({}, {__gc = function() guard() end}) end
        end
        guard()
        while true do collectgarbage() end
      ]])
    end)

    it("survives the parser's overflow", function()
      local box = box_with()
      local f, message = box:load(("("):rep(1e5) .. "1" .. (")"):rep(1e5))
      assert.is_nil(f)
      assert.equal("string", type(message))
      f, message = box:load("return " .. ("{"):rep(1e5) .. ("}"):rep(1e5))
      assert.is_nil(f)
      assert.equal("string", type(message))
      assert.equal("ready", (box:status()))
    end)
  end)
end)
