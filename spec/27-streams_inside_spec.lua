-- Streams that a box makes over functions of its own: many, chained, closed in their callbacks, collected in any order.
local sandbox = require "sandbox"

describe("streams that a box makes", function()
  local function opened(options)
    local box = sandbox.new(options or { memory = 64 * 2 ^ 20, cpu = 20 })
    box:opensandbox()
    finally(function() box:close() end)
    return box
  end

  it("come and go a hundred thousand times", function()
    local box = opened()
    assert.equal(1e5, box:dostring [[
      local n = 0
      for i = 1, 1e5 do
        local f = sandbox.newstream(function() return "x" end)
        n = n + (io.type(f) == "file" and 1 or 0)
      end
      return n]])
    assert.is_true(box:usage().memory_peak <= 64 * 2 ^ 20)
  end)

  it("are charged to the box if it keeps them", function()
    local box = opened { memory = 4 * 2 ^ 20, cpu = 20 }
    -- Caught and given back inside: a box that is full to the brim may have no memory left to compile the next chunk.
    local ok, message = box:dostring [[
      local kept = {}
      local ok, message = pcall(function()
        for i = 1, 1e7 do kept[i] = sandbox.newstream(function() end, function() end) end
      end)
      kept = nil
      collectgarbage()
      return ok, message]]
    assert.is_false(ok)
    assert.truthy(tostring(message):find("not enough memory", 1, true), tostring(message))
    assert.equal("ready", (box:status()))
    assert.equal(7, box:dostring("return 7"))
  end)

  it("read from one another until the C stack says no, and then on as before", function()
    local box = opened()
    local depth, kind = box:dostring [[
      local below = sandbox.newstream(function() return "bottom\n" end)
      local deepest = 0
      for i = 1, 2000 do
        local under = below
        below = sandbox.newstream(function() local line, why = under:read("*l") return line and line .. "\n", why end)
        if i == 20 then assert(below:read("*l") == "bottom") end
      end
      local ok, line, message = pcall(below.read, below, "*l")
      return ok, type(line == nil and message or line)]]
    assert.truthy(depth == true or depth == false)
    assert.equal("string", kind)
    assert.equal(1, box:dostring("return 1"))
  end)

  it("refuse to be used inside their own callback, as an ordinary error", function()
    local box = opened()
    local value, message, number = box:dostring [[
      local f, inner
      f = sandbox.newstream(function()
        inner = { f:read("*l") }
        return "outer\n"
      end)
      assert(f:read("*l") == "outer")
      return inner[1], inner[2], inner[3] ]]
    assert.is_nil(value)
    assert.equal("string", type(message))
    assert.equal("number", type(number))
  end)

  it("may be closed in their callbacks and collected in any order", function()
    local box = opened()
    assert.equal("done", box:dostring [[
      local f
      -- closing it from inside is refused, as any other use is
      f = sandbox.newstream(function()
        local ok, message = f:close()
        assert(ok == nil and type(message) == "string")
        return "last\n"
      end, nil, function() cleaned = (cleaned or 0) + 1 end)
      assert(f:read("*l") == "last" and io.type(f) == "file" and not cleaned)
      assert(f:close() and io.type(f) == "closed file" and cleaned == 1)
      local list = {}
      for i = 1, 500 do list[i] = sandbox.newstream(function() return list[i + 1] end, function() end, function() list[i] = nil end) end
      for i = 500, 1, -7 do list[i] = nil end
      collectgarbage() collectgarbage()
      list = nil
      collectgarbage() collectgarbage()
      return "done"]])
  end)
end)
