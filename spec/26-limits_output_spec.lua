--- Manual, section 3: the output limit, bytes through stdout and stderr.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

describe("the output limit", function()
  after_each(helpers.tidy)

  it("is none unless asked for", function()
    local box = helpers.box()
    local output = box:limits().output
    assert.is_true(output == nil or output == math.huge)
    local text = helpers.captured(box)
    box:dostring("for i = 1, 100 do io.write(('x'):rep(10000)) end")
    assert.equal(1000000, #text())
    assert.equal(1000000, box:usage().output)
  end)

  it("lets exactly that many bytes through", function()
    local box = helpers.box { output = 10 }
    local text = helpers.captured(box)
    box:dostring("io.write('12345') print('6789')")
    assert.equal("123456789\n", text())
    assert.equal("ready", (box:status()))
    raises(function() box:dostring("io.write('x')") end, "output limit of 10 bytes exceeded")
    helpers.assert_stopped(box, "output")
    assert.equal("123456789\n", text())
    assert.equal(10, box:usage().output)
  end)

  it("never lets more through, whatever the size of a write", function()
    for _, code in ipairs { "io.write(('x'):rep(1e6))", "print(('x'):rep(1e6))", "io.stdout:write(('x'):rep(99), ('y'):rep(99))",
      "while true do io.write('abc') end", "while true do print('abc') end",
      "while true do io.write(1, 'x', 2.5) end", "io.stdout:setvbuf('no') while true do io.stdout:write('x') end" } do
      local box = helpers.box { output = 100 }
      local text = helpers.captured(box)
      raises(function() box:dostring(code) end, "output limit of 100 bytes exceeded")
      assert.is_true(#text() <= 100, code)
      assert.equal(#text(), box:usage().output, code)
      helpers.assert_stopped(box, "output")
    end
  end)

  it("counts stdout and stderr together", function()
    local box = helpers.box { output = 10 }
    local out, err = helpers.captured(box), helpers.captured(box, "stderr")
    box:dostring("io.write('12345') io.stderr:write('6789')")
    assert.equal("12345", out())
    assert.equal("6789", err())
    assert.equal(9, box:usage().output)
    raises(function() box:dostring("io.stderr:write('xx')") end, "output limit")
  end)

  it("can't be caught, and nothing of the box runs after it", function()
    local box, notes = helpers.box { output = 10, cpu = 5 }, 0
    box:set("note", function() notes = notes + 1 end)
    helpers.captured(box)
    raises(function()
      box:dostring("while true do pcall(io.write, ('x'):rep(11)) pcall(print, ('x'):rep(11)) note() end")
    end, "output limit of 10 bytes exceeded")
    assert.equal(0, notes)
  end)

  it("lasts for the box's life, or for each call with per = 'call'", function()
    local life = helpers.box { output = 10 }
    helpers.captured(life)
    life:dostring("io.write('123456')")
    raises(function() life:dostring("io.write('123456')") end, "output limit")
    local call = helpers.box { output = 10, per = "call" }
    local text = helpers.captured(call)
    for _ = 1, 5 do call:dostring("io.write('123456')") end
    assert.equal(30, #text())
    raises(function() call:dostring("io.write('123456') io.write('123456')") end, "output limit")
  end)

  it("starts anew with box:limits", function()
    local box = helpers.box { output = 10 }
    local text = helpers.captured(box)
    for _ = 1, 3 do
      box:dostring("io.write('1234567890')")
      box:limits { output = 10 }
    end
    assert.equal(30, #text())
    assert.equal(30, box:usage().output)
  end)

  helpers.it_unless(helpers.no_soft_stop, "leaves a box that runs again after box:limits", function()
    local box = helpers.box { output = 10 }
    helpers.captured(box)
    raises(function() box:dostring("kept = 1 io.write(('x'):rep(20))") end, "output limit")
    assert.equal("exhausted", (box:status()))
    local text = helpers.captured(box)
    box:limits { output = 100 }
    assert.equal("ready", (box:status()))
    box:dostring("print(kept)")
    assert.equal("1\n", text())
  end)

  it("counts what goes nowhere just the same", function()
    local box = helpers.box { output = 10 }
    raises(function() box:dostring("while true do print('x') end") end, "output limit of 10 bytes exceeded")
  end)

  it("holds for streams made of functions", function()
    local box, written = helpers.box { output = 10 }, {}
    local out = box:stdout(sandbox.newstream(nil, function(s) written[#written + 1] = s end))
    raises(function() box:dostring("while true do io.write('abc') end") end, "output limit")
    out:flush()
    assert.is_true(#table.concat(written) <= 10)
  end)
end)
