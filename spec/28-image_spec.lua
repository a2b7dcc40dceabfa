--- Most boxes are copies of one that was opened the long way: nobody may be able to tell.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

-- What a box holds when it is new, and a few things that depend on where its heap lies.
local LOOK = [==[
  local lines = {}
  local function walk(t, path)
    for k, v in pairs(t) do
      local at = path .. "." .. tostring(k)
      assert(rawget(t, k) == v, at)
      lines[#lines + 1] = at .. " " .. type(v)
      if type(v) == "table" and path == "_G" then walk(v, at) end
    end
  end
  walk(_G, "_G")
  walk(getmetatable("").__index, "string")
  table.sort(lines)
  return table.concat(lines, "\n")]==]

describe("a new box", function()
  after_each(helpers.tidy)

  it("is the same whether it was opened or copied", function()
    local program = ([[
      local sandbox = require "sandbox"
      for i = 1, 4 do
        local box = sandbox.new()
        io.write(box:dostring(%q), "\n--\n")
      end]]):format(LOOK)
    local copied, code = helpers.in_process(program)
    assert.equal(0, code, copied)
    local opened, code_off = helpers.in_process(program, "SANDBOX_IMAGE=off; export SANDBOX_IMAGE;")
    assert.equal(0, code_off, opened)
    assert.equal(opened, copied)
    assert.truthy(copied:find("_G.string.gsub function", 1, true))
  end)

  it("has tables with keys of its own that are found again after collections", function()
    for _ = 1, 20 do
      local box = helpers.box()
      assert.equal(3000, box:dostring [[
        local keys, t = {}, {}
        for i = 1, 1000 do
          local k, f, c = {}, function() return i end, coroutine.create(function() end)
          keys[#keys + 1], keys[#keys + 2], keys[#keys + 3] = k, f, c
          t[k], t[f], t[c] = i, i, i
        end
        collectgarbage() collectgarbage()
        local n = 0
        for i, k in ipairs(keys) do if t[k] == math.floor((i + 2) / 3) then n = n + 1 end end
        return n]])
    end
  end)

  it("shares nothing with other copies", function()
    local first, second = helpers.box(), helpers.box()
    first:dostring "string.rep = nil x = 1 table.insert(package.loaded, 1) getmetatable('').__index.y = 2"
    assert.equal("aa", second:dostring "return ('a'):rep(2)")
    assert.is_nil(second:get "x")
    assert.is_true(second:dostring "return string.y == nil and #package.loaded == 0")
    assert.equal("aa", helpers.box():dostring "return ('a'):rep(2)")
  end)

  -- Whatever the expression gives in one box, no other gives it.
  local function assert_differs(expression)
    local seen = {}
    for _ = 1, 200 do
      local box = helpers.box()
      local value = box:dostring("return " .. expression)
      assert.is_nil(seen[value], "two boxes gave the same for " .. expression)
      seen[value] = true
      box:close()
    end
  end

  it("shows identities of its own", function() assert_differs "tostring({})" end)

  local same = helpers.is_jit and "LuaJIT begins with the same random numbers in every state"
  helpers.it_unless(same, "has random numbers of its own", function() assert_differs "math.random(2^31 - 1)" end)

  it("is right when the image has been renewed", function()
    for i = 1, 10000 do
      local box = sandbox.new()
      if i % 100 == 0 then
        box:set("i", i)
        assert.equal(i + 1, box:dostring "return i + 1")
      end
      box:close()
    end
  end)

  it("is charged for what it holds, and may hold no more than its limit from the start", function()
    local usage = helpers.box():usage()
    local used = usage.memory
    assert.is_true(used > 10000 and used < 100000, "holds " .. used)
    -- Without an image (SANDBOX_IMAGE=off) opening takes some more than is kept.
    local needed = usage.memory_peak
    for limit = 0, needed + 512, 512 do
      local ok, box = pcall(sandbox.new, { memory = limit })
      if ok then
        assert.is_true(box:usage().memory <= limit)
        box:close()
      else
        assert.equal("not enough memory", box)
        assert.is_true(limit < needed + 512)
      end
    end
  end)

  -- KB with which a box that has run lives, the host's part included: a page more would show.
  local most = { ["5.1"] = 37, ["5.2"] = 33, ["5.3"] = 33, ["5.4"] = 33, jit = 45 }
  local opened = os.getenv "SANDBOX_IMAGE" == "off" and "boxes that are opened one by one hold what opening leaves behind"
  helpers.it_unless(opened, "takes few pages", function()
    local output, code = helpers.in_process [[
      local sandbox = require "sandbox"
      local function resident()
        local file = assert(io.open "/proc/self/statm")
        local _, pages = file:read("*n", "*n")
        file:close()
        return pages * 4
      end
      sandbox.run "return 1"
      local boxes = {}
      for i = 1, 1000 do boxes[i] = false end
      collectgarbage()
      local before = resident()
      for i = 1, 1000 do
        boxes[i] = sandbox.new()
        assert(boxes[i]:dostring "return 1" == 1)
      end
      print((resident() - before) / 1000)]]
    assert.equal(0, code, output)
    local each = tonumber(output)
    assert.is_true(each > 20 and each < most[helpers.lua], ("%g KB each"):format(each))
  end)

  it("is made below a box, and far away from others, in the same way", function()
    local box = helpers.box()
    box:opensandbox()
    assert.equal(42, box:dostring [[
      local n = 0
      for i = 1, 42 do
        local below = sandbox.new { memory = 2 ^ 20 }
        n = n + below:dostring "return #('x')"
        below:close()
      end
      return n]])
    local huge = helpers.box { memory = 2 ^ 36 }
    assert.equal("x", huge:dostring "return ('x'):rep(1)")
  end)
end)
