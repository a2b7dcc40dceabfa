--- Libraries as Debian ships them, granted to a box file by file and run there unchanged: they do what they do outside.

local helpers = require "spec.helpers"

local libraries = helpers.libraries

-- Outside, the libraries that this Lua's own folder lacks come from an older one's.
local function assert_same(snippets, modules)
  local all = {
    ("package.path = package.path .. %q"):format(helpers.library_path),
    -- A message without the path of the file, which differs.
    "function said(ok, message) return ok, (message:gsub('^[^:]*/', '')) end",
  }
  for _, snippet in ipairs(snippets) do all[#all + 1] = snippet end
  helpers.assert_as_stock(all, nil, helpers.box { modules = modules })
end

describe("a library in a box:", function()
  after_each(helpers.tidy)

  it("dkjson encodes and decodes", function()
    assert_same({
      [[return require("dkjson").version]],
      [[return require("dkjson").encode({ 1, 2.5, "x\n\"\\", { a = true, b = require("dkjson").null } }, { keyorder = { "a", "b" } })]],
      [[return require("dkjson").encode({ list = { { n = 1 }, {} }, text = "é€" }, { indent = true, keyorder = { "list", "text" } })]],
      [[return require("dkjson").decode('{"a": [1, 2, {"b": null}], "c": "\\u00e9\\n", "d": -1.5e3}')]],
      [[return require("dkjson").decode('{"a": [1, 2')]],
      [[return require("dkjson").decode('[1, nope]', 1, nil)]],
      [[return pcall(require("dkjson").encode, { [print] = 1 })]],
      [[return require("dkjson").quotestring("\0\31\127 \226\128\168")]],
      -- lpeg is native: without it dkjson goes on in Lua alone.
      [[return require("dkjson").using_lpeg]],
    }, libraries "dkjson")
  end)

  it("inspect shows tables", function()
    assert_same({
      [[return require("inspect")({ 1, 2, "three", a = { b = { c = {} } }, [1.5] = true })]],
      [[local t = { name = "t" } t.self = t return require("inspect")(t)]],
      [[return require("inspect")({ a = { b = { c = 1 } } }, { depth = 2 })]],
      [[return require("inspect")({ a = 1, b = 2, secret = 3 },
          { process = function(item, path) if path[#path] ~= "secret" then return item end end, newline = "@", indent = ">" })]],
      [[return require("inspect")(setmetatable({ 1 }, { __index = { x = 1 }, __call = 5 }))]],
      [[return require("inspect")({ "it's", 'a "quote"', "\0\1\127\n" })]],
      [[return (require("inspect")({ print, print, coroutine.create(print) }))]],
    }, libraries "inspect")
  end)

  it("argparse reads a command line and writes its help", function()
    assert_same({
      [[local parser = require("argparse")("copy", "Copies things.", "More below.")
        parser:argument("input", "What to copy."):args("+")
        parser:option("-o --output", "Where to.", "out.txt")
        parser:option("-n --count"):convert(tonumber)
        parser:flag("-v --verbose"):count("*")
        parser:command("list"):option("--depth")
        parser:require_command(false)
        shared = parser
        return parser:get_usage(), parser:get_help()]],
      [[return shared:pparse({ "a", "b", "-o", "c", "--count=3", "-vv" })]],
      [[return shared:pparse({ "a", "--count", "many" })]],
      [[return shared:pparse({})]],
      [[return shared:pparse({ "a", "--verbos" })]],
      [[return shared:get_bash_complete():len(), (shared:get_bash_complete():match("^[^\n]*"))]],
    }, libraries "argparse")
  end)

  it("MessagePack packs and unpacks", function()
    assert_same({
      [[local m = require("MessagePack") return m.unpack(m.pack({ 1, -2, 3.5, "text", { nested = { true, false } }, 2^40 }))]],
      [[local m = require("MessagePack")
        return (m.pack({ 1, 300, 70000, -1, -200, "x" }):gsub(".", function(c) return ("%02x"):format(c:byte()) end))]],
      [[local m = require("MessagePack") m.set_number "float" return #m.pack(1.5), m.unpack(m.pack(0.25))]],
      [[local m = require("MessagePack")
        local all = {} for _, v in m.unpacker(m.pack(1) .. m.pack("b") .. m.pack({})) do all[#all + 1] = v end return all]],
      [[local m = require("MessagePack") return said(pcall(m.unpack, "\199"))]],
      [[local m = require("MessagePack") return said(pcall(m.pack, print))]],
    }, libraries "MessagePack")
  end)
end)

describe("Penlight in a box:", function()
  local base = {
      "pl.compat", "pl.utils", "pl.types", "pl.tablex", "pl.class", "pl.stringx", "pl.lexer", "pl.operator", "pl.Map", "pl.Set", "pl.List",
    }

  local function penlight(...)
    local modules = libraries(helpers.unpack(base))
    for name, path in pairs(libraries(...)) do modules[name] = path end
    return modules
  end

  after_each(helpers.tidy)

  it("pl.class makes classes", function()
    assert_same({
      [[local class = require "pl.class"
        local A = class() function A:_init(x) self.x = x end function A:double() return self.x * 2 end
        local B = class(A) function B:_init(x) self:super(x + 1) end B.__tostring = function(b) return "B" .. b.x end
        local b = B(4)
        return b.x, b:double(), tostring(b), b:is_a(A), A:class_of(b), B:class_of(A(1))]],
      [[local class = require "pl.class"
        local P = class.properties { get_area = function(self) return self.w * self.h end }
        local p = P() p.w, p.h = 3, 4 return p.area]],
    }, penlight("pl.class"))
  end)

  it("pl.List does what lists do", function()
    assert_same({
      [[local List = require "pl.List" local l = List { 3, 1, 2 }
        return tostring(l:clone():sort()), tostring(l:reverse()), l:contains(2), l:index(1)]],
      [[local List = require "pl.List" return tostring(List.range(1, 10):filter("_%2==0")), tostring(List { 1, 2 }:map("_*10") .. { 7 })]],
      [[local List = require "pl.List"
        return tostring(List { "a", "b", "c", "d" }:slice(2, -2)), List { 1, 2, 3, 4 }:reduce("+"), List "abc":join("-")]],
      [[local List = require "pl.List" return List { 1, 2 } == List { 1, 2 }, said(pcall(List { 1 }.put))]],
      [[local List = require "pl.List" local p = List { 1, 2, 3, 4 }:partition(function(x) return x > 2 end)
        return tostring(p[true]), tostring(p[false])]],
      [[return List]],
    }, penlight("pl.List"))
  end)

  it("pl.pretty writes, and reads with a stand-in for what it wants of debug", function()
    local modules = penlight("pl.pretty")
    -- Reading puts hooks and the metatable of strings aside while it runs the text: functions that a box's debug lacks.
    modules.debug = helpers.file [[
      local function nothing() end
      return { traceback = debug.traceback, gethook = nothing, sethook = nothing, setmetatable = nothing, getmetatable = getmetatable }]]
    assert_same({
      [[return require("pl.pretty").write({ 1, 2, { a = "x", ["b c"] = { true } } })]],
      [[return require("pl.pretty").write({ 1, { 2 } }, ""), require("pl.pretty").write("s"),
        require("pl.pretty").write({ [2^0.5] = 1 }, "")]],
      [[local t = {} t.t = t return require("pl.pretty").write(t)]],
      [[return require("pl.pretty").number(123456, "N", 1), require("pl.pretty").number(2^31, "M")]],
      [[return require("pl.pretty").read("{1, {x = 'y'}, -- comment\n}")]],
      [[return require("pl.pretty").read("{1, function() end}")]],
      [[return require("pl.pretty").read("{ print('x') }")]],
      [[return require("pl.pretty").load("x = 1 + 2 y = { x }", {}, true)]],
      [[return require("pl.pretty").load("for i = 1, 2 do end", {}, true)]],
    }, modules)
  end)

  it("pl.path works with a stand-in for lfs that the host grants", function()
    local lfs = require "lfs"
    local known = helpers.file "content"
    local modules = penlight("pl.path")
    modules.lfs = {
      currentdir = lfs.currentdir,
      attributes = function(path, what) if path == known then return lfs.attributes(path, what) end end,
    }
    assert_same({
      ([[return require("pl.path").isfile(%q), require("pl.path").getsize(%q), require("pl.path").isdir(%q)]]):format(known, known, known),
      [[return require("pl.path").exists("/no/such/file") and 1, require("pl.path").isfile("/no/such/file")]],
      [[local p = require "pl.path" return p.join("a", "b", "/c"), p.normpath("/a/./b/../c//d"), p.abspath("x/y")]],
      [[local p = require "pl.path" return { p.splitext("a/b.tar.gz") }, { p.splitpath("/x/y.z") }, p.relpath("/a/b/c", "/a/d")]],
      [[local p = require "pl.path" return p.basename("/a/b"), p.dirname("/a/b"), p.extension("x.lua"), p.is_windows, p.sep]],
    }, modules)
    -- What the stand-in doesn't know isn't there.
    assert.is_false(helpers.box { modules = modules }:dostring "return require('pl.path').isfile('/etc/passwd')")
  end)

  it("is not there without the grant of each of its files", function()
    local box = helpers.box { modules = libraries "pl.List" }
    helpers.raises(function() box:dostring "require 'pl.List'" end,
      "module 'pl.tablex' not found:", "no module 'pl.tablex' among those granted")
  end)
end)
