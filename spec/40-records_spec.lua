--- Lists of tables that have the same keys: what is remembered of one must not show in another.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

describe("a list of records", function()
  after_each(helpers.tidy)

  local function there_and_back(value)
    local box = sandbox.new()
    local back = box:dostring("return function(...) return ... end")(value)
    box:close()
    return back
  end

  it("crosses with the keys of each", function()
    -- alike in length, first and last letter; long, empty, with zero bytes; as values, too
    local names = {
      "id", "name", "axb", "ayb", "azb", "", "\0", "a\0b", ("k"):rep(31), ("k"):rep(32), ("k"):rep(33), ("k"):rep(31) .. "l", "x", "y",
    }
    local list = {}
    for i = 1, 300 do
      local record = {}
      for n, name in ipairs(names) do
        if (i + n) % 3 > 0 then record[name] = (i * n) % 7 == 0 and names[i % #names + 1] or i * n end
      end
      list[i] = { record, [names[i % #names + 1]] = { [names[(i + 1) % #names + 1]] = i } }
    end
    assert.same(list, there_and_back(list))
  end)

  it("crosses where no key is met twice, or all are, one after another", function()
    local many, same = {}, {}
    for i = 1, 2000 do
      many["key " .. i] = i
      many[i] = "key " .. i
      same[i] = { key = i }
    end
    local both = { many, same, many }
    local back = there_and_back(both)
    assert.same(both, back)
    assert.equal(back[1], back[3])
  end)

  it("crosses together with others", function()
    local records = {}
    for i = 1, 100 do records[i] = { id = i, name = "name " .. i } end
    local box = sandbox.new()
    local swap = box:dostring("return function(a, b, c, d) return d, c, b, a end")
    local d, c, b, a = swap(records, "id", { id = records }, 5)
    assert.same({ records, "id", { id = records }, 5 }, { a, b, c, d })
    assert.equal(a, c.id)
    box:close()
  end)
end)
