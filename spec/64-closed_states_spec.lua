--- A host state that is closed leaves nothing behind in the process, whatever its boxes were about. Counted by the C library's own figure
-- of what it has given out, over many states in a process of their own.

local helpers = require "spec.helpers"

-- No lists of freed blocks for each thread, which the figure takes for blocks in use.
local EXACT = "export GLIBC_TUNABLES=glibc.malloc.tcache_count=0;"

-- The smallest block that the C library gives out takes 32 bytes.
local LEAST = 32

--- Asserts that states which have run this chunk leave no block behind: what is left over once is no leak, for a leak is there every time.
local function assert_leaves_nothing(states, chunk)
  local output, code = helpers.in_process(([[
    require "sandbox" -- so that the library stays
    local left, states, chunk = require "host_states".left, %d, %q
    left(5, chunk)
    local least = math.huge
    for _ = 1, 3 do
      least = math.min(least, left(states, chunk))
      if least < %d * states then break end
    end
    print(("%%d bytes"):format(least))
  ]]):format(states, "local sandbox = require 'sandbox'\n" .. chunk, LEAST / 2), EXACT)
  local bytes = tonumber(output:match("^(%-?%d+) bytes\n$"))
  assert(code == 0 and bytes, ("exit code %d: %s"):format(code, output))
  assert(bytes < LEAST / 2 * states, ("%d states left %d bytes"):format(states, bytes))
end

describe("a host state that is closed leaves nothing behind", function()
  after_each(helpers.tidy)

  it("of the library", function()
    assert_leaves_nothing(300, "")
  end)

  it("of boxes, closed or not, whose functions it has", function()
    assert_leaves_nothing(300, [[
      local closed = sandbox.new()
      closed:dostring("x = 1")
      closed:close()
      box = sandbox.new { memory = 2 ^ 20, cpu = 5, wall = 5 }
      f = box:dostring("return function(g) return g() end")
      assert(f(function() return 1 end) == 1)
    ]])
  end)

  it("of boxes below boxes", function()
    assert_leaves_nothing(100, [[
      box = sandbox.new()
      box:opensandbox()
      box:dostring("below = sandbox.new() below:opensandbox() below:dostring('below = sandbox.new() below:dostring[=[x = 1]=]')")
    ]])
  end)

  it("of streams", function()
    assert_leaves_nothing(300, [[
      box = sandbox.new()
      box:stdin(sandbox.newstream(function() return "line\n" end))
      box:stdout(sandbox.newstream(nil, function() return true end))
      box:dostring("io.write(io.read())")
      stream = sandbox.newstream(function() return "ab" end)
      assert(stream:read(1) == "a")
    ]])
  end)

  it("of errors and stops", function()
    assert_leaves_nothing(30, [[
      box = sandbox.new { cpu = 0.002 }
      assert(not pcall(box.dostring, box, "error('x')"))
      assert(not pcall(box.dostring, box, "while true do end"))
    ]])
  end)

  it("of marks, kept and dropped", function()
    assert_leaves_nothing(100, [[
      box = sandbox.new()
      box:dostring("x = {}")
      local dropped = box:checkpoint()
      mark = box:checkpoint()
      box:rollback(dropped)
      box:opensandbox()
      box:dostring("below = sandbox.new() below:dostring('x = 1') mark = below:checkpoint()")
    ]])
  end)

  it("of calls that wait for host functions which have yielded", function()
    assert_leaves_nothing(300, [[
      local yields = coroutine.yield
      box = sandbox.new()
      f = box:dostring("return function(g) g() end")
      co = coroutine.create(function() f(yields) end)
      coroutine.resume(co)
      local done = coroutine.wrap(function() f(yields) end)
      done()
      done()
    ]])
  end)
end)
