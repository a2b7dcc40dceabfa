--- What Redis' scripting tests ask of a sandbox, in our words: tricks with globals and metatables, tables that are meant to be read-only,
-- binary chunks, and scripts that hide in pcall from being killed.

local helpers = require "spec.helpers"

local box_with, raises = helpers.box, helpers.raises

describe("Redis:", function()
  after_each(helpers.tidy)

  describe("a script", function()
    it("refuses bytecode, wherever code is loaded", function()
      local box = box_with()
      local bytecode = string.dump(function() return 1 end)
      raises(function() box:dostring(bytecode) end)
      raises(function() box:dofile(helpers.file(bytecode)) end)
      assert.is_nil((box:load(bytecode)))
      local whole, in_pieces, why = box:dostring([[
        local dumped = string.dump(function() end)
        local pieces = {dumped}
        return (loadstring or load)(dumped), load(function() return table.remove(pieces) end)
      ]])
      assert.is_nil(whole)
      assert.is_nil(in_pieces)
      assert.equal("string", type(why))
    end)

    it("lets a script ruin its own globals, and no others", function()
      local box, other = box_with(), box_with()
      box:dostring([[
        setmetatable(_G, {__newindex = error, __index = error})
        rawset(_G, "tostring", nil)
        for k in pairs(string) do string[k] = nil end
        getmetatable("").__index = nil
      ]])
      assert.equal("X", ("x"):upper())
      assert.equal("X", other:dostring("return ('x'):upper()"))
      assert.equal("1", other:dostring("return tostring(1)"))
      assert.equal("function", type(string.rep))
    end)

    it("does not let a table that was handed in be changed for the host", function()
      local shared = { list = { 1, 2, 3 }, name = "shared" }
      box_with():dostring("local t = ... t.name = 'changed' t.list[1] = 99 rawset(t, 'new', 1) setmetatable(t, {__index = error})", shared)
      assert.same({ list = { 1, 2, 3 }, name = "shared" }, shared)
      assert.is_nil(getmetatable(shared))
    end)

    it("stops a script that hides in pcall from being stopped", function()
      local box = box_with { wall = 0.1, cpu = 30 }
      local ran_on = false
      box:set("survived", function() ran_on = true end)
      raises(function()
        box:dostring("while true do local ok = pcall(function() while true do pcall(error) end end) survived() end")
      end, "wall limit")
      assert.is_false(ran_on)
    end)
  end)

  describe("tricks", function()
    it("with the metatable of strings stay in the box", function()
      local box, other = box_with(), box_with()
      box:dostring([[
        local m = getmetatable("")
        m.__add = function() return "hijacked" end
        m.__call = function() return "hijacked" end
        m.__index = function() return "hijacked" end
      ]])
      assert.equal("hijacked", box:dostring("return ('x').anything"))
      assert.equal("X", other:dostring("return ('x'):upper()"))
      assert.equal("X", ("x"):upper())
      assert.is_false((pcall(function() return ("x")() end)))
    end)

    it("with metatables of other basic types are out of reach", function()
      assert.same({ true, true, true, true, true }, { box_with():dostring([[
        return debug.setmetatable == nil, debug.getmetatable == nil, debug.getregistry == nil,
          getmetatable(1) == nil, getmetatable(print) == nil
      ]]) })
    end)

    it("with _G itself change what the box sees, and no more", function()
      local box = box_with()
      box:dostring([[
        _G.print, _G.pairs, _G.type, _G.error = nil, nil, nil, nil
        setmetatable(_G, {__index = function(_, k) return "trapped " .. k end})
      ]])
      assert.equal("trapped print", box:dostring("return print"))
      -- The library does not need what the script has taken away.
      assert.equal("trapped missing", box:get("missing") or "trapped missing")
      box:set("x", { 1 })
      assert.same({ 1 }, box:get("x"))
      raises(function() box:dostring("local n = nil; return n.x") end, "index")
      assert.equal("ready", (box:status()))
      assert.equal("function", type(print))
    end)

    it("with the api's own table do not outlive the script", function()
      local function run(code)
        local box = box_with()
        box:set("api", { call = function(name) return "called " .. name end, version = 7 })
        return box:dostring(code)
      end
      assert.equal("mine", run("api.call = function() return 'mine' end return api.call()"))
      assert.equal("mine", run("setmetatable(api, {__index = error, __newindex = error}) "
        .. "rawset(api, 'call', function() return 'mine' end) return api.call()"))
      assert.equal("called again", run("return api.call('again')"))
    end)

    it("with a function of the host do not reach what is behind it", function()
      local box = box_with()
      box:set("api", function() return "as it was" end)
      box:dostring("pcall(setmetatable, api, {}) if setfenv then pcall(setfenv, api, {}) end")
      assert.equal("as it was", box:dostring("return api()"))
    end)

    it("with loading in an environment of their own see what they put there", function()
      local box = box_with()
      assert.is_nil(box:dostring([[
        local code = "return print or os or io or string or _G"
        local env = {}
        local f = setfenv and setfenv(loadstring(code), env) or load(code, "=x", "t", env)
        return f()
      ]]))
    end)
  end)

  describe("binary chunks", function()
    it("are refused in all their forms, cut, joined or in disguise", function()
      local box = box_with()
      box:set("dumped", string.dump(function() return "ran" end))
      for _, way in ipairs {
        "(loadstring or load)(dumped)", "load(dumped, 'name', 'b')", "load(dumped, 'name', 'bt')",
        "load(function() local d = dumped dumped_given = true return d end)",
        "load((function() local i = 0 return function() i = i + 1 local c = dumped:sub(i, i) return c ~= '' and c or nil end end)())",
        "(loadstring or load)('\\27Lua')", "(loadstring or load)('\\27LJ')", "(loadstring or load)('\\27')",
      } do
        local ok, f = box:dostring("local ok, f = pcall(function() return (" .. way .. ") end) return ok, type(f)")
        assert.is_true(not ok or f == "nil", way)
      end
      assert.equal("ready", (box:status()))
    end)
  end)

  describe("a script that is to be killed", function()
    local hiding = {
      ["in pcall"] = "while true do pcall(function() while true do end end) end",
      ["in pcall with errors"] = "while true do pcall(function() error({}) end) end",
      ["in xpcall with itself as the handler"] = "local function f() while true do xpcall(f, f) end end f()",
      ["in pcalls inside one another"] = "local function deeper(n) if n == 0 then while true do end end pcall(deeper, n - 1) "
        .. "deeper(n - 1) end deeper(50)",
      ["in coroutines and pcall"] = "while true do pcall(coroutine.wrap(function() pcall(function() while true do end end) end)) end",
      ["in calls of the host"] = "while true do pcall(noop) end",
    }
    for where, code in pairs(hiding) do
      it("cannot hide " .. where, function()
        local box = box_with { wall = 0.05, cpu = 30 }
        box:set("noop", function() end)
        raises(function() box:dostring(code) end, "wall limit of 0.05 s exceeded")
        helpers.assert_stopped(box, "wall")
      end)
    end

    it("by the host from a callback is at its end there", function()
      local box = box_with()
      local calls = 0
      box:set("tick", function()
        calls = calls + 1
        if calls == 10 then box:close() end
      end)
      raises(function() box:dostring("while true do pcall(tick) end") end, "sandbox is closed")
      assert.equal(10, calls)
    end)
  end)
end)
