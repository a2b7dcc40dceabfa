--- Manual, section 4: require and package in a box reach only what the host granted, and no native code.

local helpers = require "spec.helpers"

describe("require in a box", function()
  after_each(helpers.tidy)

  it("gives the libraries that are loaded", function()
    local box = helpers.box()
    for _, name in ipairs { "string", "table", "math", "io", "os", "coroutine", "debug", "package" } do
      assert.is_true(box:dostring("return require(...) == _G[...] and package.loaded[...] == _G[...]", name), name)
    end
    assert.is_true(box:dostring("return require '_G' == _G"))
  end)

  it("gives each optional library that this Lua has", function()
    local box = helpers.box()
    for _, name in ipairs { "utf8", "bit32", "bit" } do
      assert.equal(rawget(_G, name) ~= nil, box:dostring("return (pcall(require, ...))", name), name)
    end
  end)

  it("runs what package.preload has, once", function()
    local box = helpers.box()
    assert.equal("1 1 mine", box:dostring([[
      local loads = 0
      package.preload.mine = function(name) loads = loads + 1 return { n = loads, name = name } end
      local a, b = require "mine", require "mine"
      assert(a == b)
      return a.n .. " " .. b.n .. " " .. a.name]]))
    assert.equal(7, box:dostring("package.loaded.given = 7 return (require 'given')"))
    assert.is_true(box:dostring("package.preload.none = function() end return (require 'none')"))
  end)

  it("raises an ordinary error that names a module it can't find", function()
    local box = helpers.box()
    local ok, message = box:dostring("return pcall(require, 'no.such.module')")
    assert.is_false(ok)
    assert.is_truthy(message:find("no.such.module", 1, true))
    ok, message = box:dostring("return pcall(require)")
    assert.is_false(ok)
    assert.is_truthy(message:find("bad argument #1 to", 1, true))
  end)

  it("finds no file, whatever the paths say", function()
    local box = helpers.box()
    local path = helpers.file("return 'reached'")
    for _, setting in ipairs { "package.path", "package.cpath" } do
      assert.is_false(box:dostring("package.path, package.cpath = '', '' " .. setting .. " = ... return (pcall(require, 'x'))", path))
      assert.is_false(box:dostring(setting .. " = './?.lua;/usr/share/lua/5.1/?.lua;/usr/lib/?.so' return (pcall(require, 'busted.core'))"))
    end
    for _, name in ipairs { "busted", "lfs", "spec.helpers", "sandbox", "socket", path, "/etc/passwd", "../spec/helpers" } do
      assert.is_false(box:dostring("return (pcall(require, ...))", name), name)
    end
  end)

  it("tells nothing about which files there are", function()
    local box = helpers.box()
    local function message(name)
      return (select(2, box:dostring("package.path = '/?' return pcall(require, ...)", name)):gsub(name:gsub("%p", "%%%0"), "NAME"))
    end
    local there, absent = message("etc/passwd"), message("etc/absent")
    assert.equal(absent, there)
    if box:dostring("return type(package.searchpath)") == "function" then
      assert.is_nil((box:dostring("return package.searchpath('passwd', '/etc/?')")))
    end
  end)

  it("lets a searcher of the box's own work, and fail", function()
    local box = helpers.box()
    assert.equal("loaded x.y", box:dostring([[
      local searchers = package.searchers or package.loaders
      table.insert(searchers, function(name) return function() return "loaded " .. name end end)
      return (require "x.y")]]))
    local ok, text = box:dostring([[
      local searchers = package.searchers or package.loaders
      searchers[#searchers] = function() error("searcher failed", 0) end
      return pcall(require, "z")]])
    assert.is_false(ok)
    assert.equal("searcher failed", text)
  end)
end)

describe("package in a box", function()
  after_each(helpers.tidy)

  it("has no loadlib and loads no native code", function()
    local box = helpers.box()
    assert.is_nil(box:dostring("return package.loadlib"))
    assert.is_true(box:dostring([[
      for _, searcher in ipairs(package.searchers or package.loaders or {}) do
        local ok, loader = pcall(searcher, "sandbox")
        if ok and type(loader) == "function" then return false end
      end
      return true]]))
  end)

  it("shows nothing of the host's paths and modules", function()
    local box = helpers.box()
    assert.is_true(box:dostring([[
      local known = { _G = 1, string = 1, table = 1, math = 1, io = 1, os = 1, coroutine = 1, debug = 1, package = 1,
        utf8 = 1, bit32 = 1, bit = 1, jit = 1 }
      for name in pairs(package.loaded) do if not known[name] then error("loaded: " .. tostring(name)) end end
      -- LuaJIT keeps two pure libraries there, OpenResty's four more.
      local pure = { ["table.new"] = 1, ["table.clear"] = 1, ["table.clone"] = 1, ["table.isarray"] = 1, ["table.isempty"] = 1,
        ["table.nkeys"] = 1 }
      for name in pairs(package.preload) do if not pure[name] then error("preload: " .. tostring(name)) end end
      return true]]))
    for _, name in ipairs { "path", "cpath" } do
      local inside = box:dostring("return package[...]", name)
      assert.is_not.equal(package[name], inside)
      assert.is_true(inside == nil or not inside:find("/usr", 1, true), tostring(inside))
    end
  end)

  helpers.it_unless(helpers.version > 51 and "module() left with Lua 5.1",
    "has module and seeall as Lua 5.1 has them, inside the box", function()
    local box = helpers.box()
    assert.equal("5 mine", box:dostring([[
      (function() module("mine", package.seeall) x = 5 function f() return tostring(x) end end)()
      return mine.f() .. " " .. mine._NAME]]))
    assert.is_nil(package.loaded.mine)
    assert.is_nil(rawget(_G, "mine"))
  end)
end)
