--- Manual, section 1: what `require "sandbox"` gives.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises, unpack = helpers.raises, helpers.unpack

describe("the module", function()
  after_each(helpers.tidy)

  it("is a table of functions, a version and the greatest depth", function()
    assert.is_table(sandbox)
    for _, name in ipairs { "new", "run", "newstream" } do assert.is_function(sandbox[name], name) end
    assert.is_truthy(sandbox._VERSION:find("%d+%.%d+"))
    assert.equal(10, sandbox.MAX_DEPTH)
  end)

  it("makes no global", function()
    assert.is_nil(rawget(_G, "sandbox"))
  end)

  it("is one table however often it is required", function()
    assert.equal(sandbox, require "sandbox")
  end)

  it("can be loaded a second time beside itself", function()
    package.loaded.sandbox = nil
    local again = require "sandbox"
    package.loaded.sandbox = sandbox
    assert.equal(3, again.run("return 1 + 2"))
    assert.equal(3, sandbox.run("return 1 + 2"))
  end)
end)

describe("sandbox.new", function()
  after_each(helpers.tidy)

  it("gives a box that shows as sandbox: 0x...", function()
    local box = helpers.box()
    assert.equal("userdata", type(box))
    assert.is_truthy(tostring(box):find("^sandbox: 0x%x+$"))
    assert.is_not.equal(tostring(box), tostring(helpers.box()))
  end)

  it("takes no options, nil, an empty table, or each option there is", function()
    for _, options in ipairs {
      {}, { memory = 2 ^ 22 }, { cpu = 1 }, { cpu = 0.5 }, { wall = 2.5 }, { output = 1000 },
      { depth = 3 }, { depth = 0 }, { per = "life" }, { per = "call" },
      { memory = math.huge, cpu = math.huge, wall = math.huge, output = math.huge },
      { memory = 2 ^ 23, cpu = 2, wall = 3, output = 10, depth = 1, per = "call" },
    } do
      assert.equal(42, helpers.box(options):dostring("return 42"))
    end
    assert.equal(42, helpers.box(nil):dostring("return 42"))
    local box = sandbox.new()
    assert.equal(42, box:dostring("return 42"))
    box:close()
  end)

  it("names an unknown option", function()
    raises(function() sandbox.new { memroy = 2 ^ 20 } end, "memroy")
    raises(function() sandbox.new { memory = 2 ^ 20, Cpu = 1 } end, "Cpu")
    raises(function() sandbox.new { [1] = 5 } end, "1")
    raises(function() sandbox.new { [true] = 5 } end)
  end)

  it("names an option of a wrong type", function()
    local wrong = {
      memory = { true, {}, "much", print }, cpu = { true, {}, "long" }, wall = { false, {}, "long" },
      output = { true, {} }, depth = { true, {}, "deep" }, per = { 5, {}, true },
    }
    for name, values in pairs(wrong) do
      for _, value in ipairs(values) do
        raises(function() sandbox.new { [name] = value } end, name)
      end
    end
  end)

  it("names an option of a value that is no limit", function()
    for _, name in ipairs { "memory", "cpu", "wall", "output", "depth" } do
      raises(function() sandbox.new { [name] = -1 } end, name)
      raises(function() sandbox.new { [name] = 0 / 0 } end, name)
      raises(function() sandbox.new { [name] = -math.huge } end, name)
    end
    raises(function() sandbox.new { per = "week" } end, "per")
  end)

  it("refuses options that are no table", function()
    for _, value in ipairs { 5, "memory", true, print } do
      raises(function() sandbox.new(value) end, "bad argument #1 to 'new' (table expected, got " .. type(value) .. ")")
    end
  end)

  it("makes boxes that know nothing of one another", function()
    local a, b = helpers.box(), helpers.box()
    a:dostring("x = 1; string.mine = 1; getmetatable('').__index = { upper = function() return 'a' end }")
    assert.is_nil(b:dostring("return x"))
    assert.is_nil(b:dostring("return string.mine"))
    assert.equal("Q", b:dostring("return ('q'):upper()"))
    assert.equal("Q", ("q"):upper())
    assert.is_nil(rawget(string, "mine"))
  end)

  it("makes many boxes at once", function()
    local boxes = {}
    for i = 1, 300 do
      boxes[i] = helpers.box()
      boxes[i]:dostring("n = ...", i)
    end
    for i = 1, 300 do assert.equal(i, boxes[i]:dostring("return n")) end
  end)

  it("leaves no trace of boxes that were closed, or only dropped", function()
    helpers.assert_flat(1000, function()
      local box = sandbox.new()
      box:dostring("t = {} for i = 1, 100 do t[i] = {} end")
      box:close()
    end)
    helpers.assert_flat(1000, function()
      sandbox.new():dostring("t = {} for i = 1, 100 do t[i] = {} end")
      -- The host's collector does not see how large a box is.
      collectgarbage("step", 1000)
    end)
  end)
end)

describe("sandbox.run", function()
  after_each(helpers.tidy)

  it("gives what the code returned", function()
    local code = "return 1, nil, 'three', nil"
    local results = { sandbox.run(code) }
    assert.equal(4, select("#", sandbox.run(code)))
    assert.equal(1, results[1])
    assert.equal("three", results[3])
    assert.equal(0, select("#", sandbox.run("")))
  end)

  it("passes what follows the options", function()
    assert.equal("a-b", sandbox.run("return table.concat({...}, '-')", nil, "a", "b"))
    assert.equal(3, sandbox.run("return select('#', ...)", {}, nil, nil, nil))
    assert.equal(200, sandbox.run("return select('#', ...)", { cpu = 1 }, unpack({}, 1, 200)))
  end)

  it("keeps to the options", function()
    raises(function() sandbox.run("while true do end", { cpu = 0.1 }) end, "cpu limit of 0.1 s exceeded")
    raises(function() sandbox.run("local t = {} while true do t[#t + 1] = {} end", { memory = 2 ^ 21 }) end,
      "not enough memory")
    raises(function() sandbox.run("return 1", { memroy = 2 ^ 21 }) end, "memroy")
  end)

  it("raises what the code raised", function()
    raises(function() sandbox.run("error('plain', 0)") end, "plain")
    local ok, value = pcall(sandbox.run, "error({ code = 7 })")
    assert.is_false(ok)
    assert.equal(7, value.code)
    raises(function() sandbox.run("return return") end, "return")
  end)

  it("refuses what is no code", function()
    raises(function() sandbox.run() end, "bad argument #1 to 'run' (string expected, got no value)")
    raises(function() sandbox.run({}) end, "bad argument #1 to 'run' (string expected, got table)")
    raises(function() sandbox.run("return 1", 5) end, "bad argument #2 to 'run' (table expected, got number)")
  end)

  it("starts each time anew and leaves nothing", function()
    sandbox.run("x = 1")
    assert.is_nil(sandbox.run("return x"))
    helpers.assert_flat(1000, function() sandbox.run("x = {}; return 1") end)
  end)
end)
