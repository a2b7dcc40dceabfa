--- Manual, sections 4 and 6: require inside a box searches package.path, through the files that were granted and no others.

local helpers = require "spec.helpers"

local it_unless, tree = helpers.it_unless, helpers.tree

-- What pcall(require, name) gives in the box.
local function require_in(box, name)
  return box:dostring("local ok, value = pcall(require, ...) return ok, value", name)
end

describe("require along package.path", function()
  after_each(helpers.tidy)

  it("finds files and folders in what files grants", function()
    local box = helpers.box { files = { ["/"] = tree {
      ["a.lua"] = "return { n = select('#', ...), ... }", ["b/init.lua"] = "return 'init of ' .. ...",
      ["b/c.lua"] = "return require 'b' .. '!'",
    } } }
    assert.equal("/?.lua;/?/init.lua", box:dostring "return package.path")
    local got = box:dostring "return (require 'a')"
    assert.equal("a", got[1])
    assert.equal(helpers.version > 51 and "/a.lua" or nil, got[2])
    assert.equal("init of b", box:dostring "return (require 'b')")
    assert.equal("init of b!", box:dostring "return (require 'b.c')")
    assert.is_true(box:dostring "return package.loaded['b.c'] == require 'b.c' and require 'a' == require 'a'")
  end)

  it("goes by what package.path says, at the time", function()
    local root = tree { ["m.lua"] = "return 'top'", ["lib/m.luax"] = "return 'lib'", ["lib/n.luax"] = "return 'n'" }
    local box = helpers.box { files = { ["/"] = root, ["/elsewhere"] = root .. "/lib" } }
    assert.equal("top", box:dostring "return (require 'm')")
    assert.equal("lib", box:dostring "package.loaded.m = nil package.path = '/lib/?.luax;' .. package.path return (require 'm')")
    assert.equal("n", box:dostring "package.path = './elsewhere/?.luax' return (require 'n')")
  end)

  it("prefers what was granted by name, and preload before that", function()
    local root = tree { ["m.lua"] = "return 'file'", ["n.lua"] = "return 'file'" }
    local box = helpers.box { files = { ["/"] = root }, modules = { m = 5, n = 6 } }
    box:dostring "package.preload.n = function() return 'preload' end"
    assert.equal(5, box:dostring "return (require 'm')")
    assert.equal("preload", box:dostring "return (require 'n')")
  end)

  it("reports errors with the names that the box knows", function()
    local box = helpers.box { files = { ["/lib"] = tree {
      ["broken.lua"] = "x = = 1", ["raises.lua"] = "error 'here'", ["binary.lua"] = string.dump(function() end),
    } } }
    box:dostring "package.path = '/lib/?.lua'"
    local _, message = require_in(box, "broken")
    assert.is_truthy(message:find("^error loading module 'broken' from file '/lib/broken.lua':\n\t/lib/broken.lua:1: "), message)
    assert.equal("/lib/raises.lua:1: here", (select(2, require_in(box, "raises"))))
    _, message = require_in(box, "binary")
    assert.is_truthy(message:find("attempt to load a binary chunk", 1, true), message)
    _, message = require_in(box, "absent")
    assert.is_truthy(message:find("no file '/lib/absent.lua'", 1, true), message)
  end)

  it("reaches nothing outside what was granted", function()
    local box = helpers.box { files = { ["/lib"] = tree { ["m.lua"] = "return 1" } } }
    local secret = helpers.file "return 'reached'"
    box:dostring "package.path = '?;/?;/lib/?;/lib/../?;/lib/../../../../../../?;../?'"
    for _, name in ipairs { secret, secret:sub(2), "etc/passwd", "../../../../etc/passwd" } do
      -- The dots of a module's name are slashes in its file's.
      assert.is_false((require_in(box, name)), name)
    end
  end)

  it_unless(helpers.version == 51 and not helpers.is_jit and "package.searchpath came with Lua 5.2",
    "has a searchpath that finds them", function()
    local box = helpers.box { files = { ["/lib"] = tree { ["a/b.lua"] = "", ["a-b.lua"] = "" } } }
    assert.equal("/lib/a/b.lua", box:dostring "return (package.searchpath('a.b', '/?.lua;/lib/?.lua'))")
    assert.equal("/lib/a-b.lua", box:dostring "return (package.searchpath('a.b', '/lib/?.lua', '.', '-'))")
    assert.same({ nil, true }, { box:dostring "local found, said = package.searchpath('etc.passwd', '/?') return found, said ~= nil" })
  end)

  it("works for the boxes of a box: its own files, and what it grants of them", function()
    local box = helpers.box { files = { ["/"] = tree { ["m.lua"] = "return 'm of ' .. ...", ["lib/n.lua"] = "return 'n'" } } }
    box:opensandbox()
    assert.equal("m of given n", box:dostring [[
      local below = sandbox.new { files = { ["/l"] = "/lib" }, modules = { given = "/m.lua" } }
      return below:dostring "package.path = '/l/?.lua' return require 'given' .. ' ' .. require 'n'"]])
    assert.equal("error loading module 'x' from file 'x.lua':\n\tcannot open x.lua: No such file or directory", box:dostring [[
      return sandbox.new { modules = { x = "/none.lua" } }:dostring "return select(2, pcall(require, 'x'))"]])
  end)
end)
