--- Manual, section 3: the wall limit, real time of each call into the box.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

describe("the wall limit", function()
  after_each(helpers.tidy)

  it("is none unless asked for", function()
    local wall = helpers.box():limits().wall
    assert.is_true(wall == nil or wall == math.huge)
  end)

  it("stops a loop, with its message and its kind", function()
    local box = helpers.box { wall = 0.2, cpu = math.huge }
    local before = helpers.now()
    local message = raises(function() box:dostring("while true do end") end, "wall limit of 0.2 s exceeded")
    local spent = helpers.now() - before
    assert.is_truthy(message:find("wall limit of 0.2 s exceeded$"))
    assert.is_true(spent >= 0.19 and spent < 20, ("stopped after %.2f s"):format(spent))
    helpers.assert_stopped(box, "wall", true)
  end)

  it("stops one long C call, and kills the box", function()
    local box = helpers.box { wall = 0.2, cpu = math.huge }
    local before = helpers.now()
    raises(function() box:dostring("return (('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b'))") end,
      "wall limit of 0.2 s exceeded")
    assert.is_true(helpers.now() - before < 20)
    local status, kind = box:status()
    assert.equal("killed", status)
    assert.equal("wall", kind)
  end)

  it("can't be caught", function()
    local box = helpers.box { wall = 0.2, cpu = math.huge }
    raises(function() box:dostring("while true do pcall(function() while true do end end) end") end,
      "wall limit of 0.2 s exceeded")
    helpers.assert_stopped(box, "wall")
  end)

  it("is counted anew in each call", function()
    local box = helpers.box { wall = 1 }
    box:set("sleep", function() helpers.sleep(0.15) end)
    for _ = 1, 10 do box:dostring("sleep()") end
    assert.equal("ready", (box:status()))
    assert.is_true(box:usage().wall >= 1.4)
  end)

  it("counts the time in which the host's functions work or sleep", function()
    local box = helpers.box { wall = 0.2 }
    box:set("sleep", function() helpers.sleep(0.4) end)
    raises(function() box:dostring("sleep() while true do end") end, "wall limit of 0.2 s exceeded")
    helpers.assert_stopped(box, "wall")
    local other = helpers.box { wall = 0.2 }
    other:stdin(sandbox.newstream(function() helpers.sleep(0.4) return "line\n" end))
    raises(function() other:dostring("for i = 1, 10 do io.read('*l') end") end, "wall limit of 0.2 s exceeded")
  end)

  it("may be set and lifted later", function()
    local box = helpers.box { wall = 0.2 }
    box:limits { wall = math.huge }
    box:set("sleep", function() helpers.sleep(0.4) end)
    box:dostring("sleep()")
    assert.equal("ready", (box:status()))
    box:limits { wall = 0.1 }
    raises(function() box:dostring("while true do end") end, "wall limit of 0.1 s exceeded")
  end)

  helpers.it_unless(helpers.no_soft_stop, "leaves a box that runs again after box:limits", function()
    local box = helpers.box { wall = 0.1 }
    raises(function() box:dostring("kept = 5 while true do end") end, "wall limit of 0.1 s exceeded")
    assert.equal("exhausted", (box:status()))
    box:limits { wall = 5 }
    assert.equal("ready", (box:status()))
    assert.equal(5, box:dostring("return kept"))
  end)

  it("and the cpu limit: the one that is reached first stops the code", function()
    local cpu = helpers.box { wall = 20, cpu = 0.1 }
    raises(function() cpu:dostring("while true do end") end, "cpu limit of 0.1 s exceeded")
    helpers.assert_stopped(cpu, "cpu")
    local wall = helpers.box { wall = 0.1, cpu = 20 }
    raises(function() wall:dostring("while true do end") end, "wall limit of 0.1 s exceeded")
    helpers.assert_stopped(wall, "wall")
  end)
end)
