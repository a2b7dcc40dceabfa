--- 64-bit and complex literals of LuaJIT: a box has such numbers, but never sees `ffi`, which the lexer would open for them, and show.

local helpers = require "spec.helpers"

local elsewhere = helpers.lua ~= "jit" and "no such literals"
local function it(name, body) helpers.it_unless(elsewhere, name, body) end

-- Looks for `ffi` where the lexer puts it and where code might find it.
local HIDDEN = [[
  assert(package.loaded.ffi == nil and rawget(_G, 'ffi') == nil and package.preload.ffi == nil)
  assert(not pcall(require, 'ffi'))]]

describe("64-bit literals in a box", function()
  after_each(helpers.tidy)

  local box
  before_each(function() box = helpers.box() end)

  it("are numbers in whatever way the code came, and ffi is not there", function()
    local ways = {
      "return tostring(1LL + 2ULL)", "return tostring(loadstring 'return 3ULL' ())", "return tostring(load('return 3ull')())",
      "local t = { 'return 3', 'U', 'L', 'L' } local n = 0 return tostring(load(function() n = n + 1 return t[n] end)())",
      "return tostring(coroutine.wrap(function() return loadstring('return 0x3ull')() end)())",
      "return (tostring(select(2, pcall(loadstring, 'return 3ULL')) ()))",
    }
    for _, code in ipairs(ways) do
      local fresh = helpers.box()
      assert.equal("3ULL", fresh:dostring(code), code)
      fresh:dostring(HIDDEN)
      fresh:dostring("collectgarbage() collectgarbage()")
      assert.equal("3ULL", fresh:dostring "local a = 1ULL return tostring(a + 2)", code)
      fresh:dostring(HIDDEN)
    end
    assert.equal("0+2i", box:dostring "return tostring(2i)")
    box:dostring(HIDDEN)
  end)

  it("come in files and modules", function()
    local root = helpers.tree { ["seven.lua"] = "return tostring(3LL + 4LL)" }
    local made = helpers.box { files = { ["/"] = root } }
    assert.equal("7LL", made:dostring "return dofile '/seven.lua'")
    made:dostring(HIDDEN)
    local other = helpers.box { files = { ["/"] = root } }
    assert.equal("7LL", other:dostring "return require 'seven'")
    other:dostring(HIDDEN)
    assert.equal("7LL", helpers.box { modules = { seven = root .. "/seven.lua" } }:dostring "return require 'seven'")
    assert.equal("7LL", helpers.box():dofile(root .. "/seven.lua"))
  end)

  it("are hidden from finalizers and readers that run while the code is compiled", function()
    box:dostring [[
      seen = 0
      local function look()
        if package.loaded.ffi or pcall(require, 'ffi') then seen = seen + 1 end
      end
      collectgarbage 'setpause' collectgarbage('setstepmul', 1000)
      for round = 1, 50 do
        for i = 1, 20 do getmetatable(newproxy(true)).__gc = look end
        local n = 0
        assert(load(function()
          look()
          n = n + 1
          if n == 1 then return 'local a, t = 1LL, {' end
          return n < 200 and "'" .. round * n .. "', " or n == 200 and '}' or nil
        end))
        assert(loadstring('return ' .. round .. 'LL'))
      end]]
    assert.equal(0, box:get "seen")
  end)

  it("are there after a return to a mark from before", function()
    local mark = box:checkpoint()
    for _ = 1, 3 do
      assert.equal("5LL", box:dostring "return tostring(2LL + 3LL)")
      box:dostring(HIDDEN)
      box:rollback(mark)
      box:dostring(HIDDEN)
    end
    assert.equal("5LL", box:dostring "return tostring(2LL + 3LL)")
  end)

  it("take memory of the box's, and fail whole where that is short", function()
    local used, failed = box:usage().memory, 0
    for more = 8, 40, 2 do
      box:limits { memory = used + more * 1024 }
      local ok, value, message = pcall(box.dostring, box, [[
        local f, message = loadstring 'return 1LL + 2LL'
        if not f then return f, message end
        return tostring(f())]])
      if not ok then value, message = nil, value end
      if value ~= "3LL" then
        assert.truthy(message:find("not enough memory", 1, true), message)
        failed = failed + 1
      end
      assert.equal(more == 40 and "3LL" or value, value)
      box:limits { memory = used + 2 ^ 20 }
      box:dostring "collectgarbage()"
      box:dostring(HIDDEN)
    end
    assert.is_true(failed > 3 and box:usage().memory > used + 8 * 1024)
  end)

  it("cost nothing where there are none", function()
    box:dostring "return 1"
    local used = box:usage().memory
    box:dostring "local all, bill = {}, 'i' for i = 1, 10 do all[i] = 1.5e3 + 0xff end return all[1], bill"
    box:dostring "collectgarbage()"
    assert.is_true(box:usage().memory < used + 4 * 1024)
  end)
end)
