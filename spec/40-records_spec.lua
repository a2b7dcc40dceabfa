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

  it("crosses with more keys than are remembered, in another order each time", function()
    local names, list = {}, {}
    for i = 1, 100 do names[i] = ("key %d of %s"):format(i, ("x"):rep(i % 7)) end
    for i = 1, 200 do
      local record = {}
      for n = 1, 40 do record[names[(i * 7 + n * (i % 3 + 1)) % 100 + 1]] = i * n end
      list[i] = record
    end
    assert.same(list, there_and_back(list))
  end)

  it("crosses where other things are sent between its keys", function()
    local inner, list = {}, {}
    for i = 1, 100 do
      list[i] = { id = i, call = i % 3 == 0 and print or nil, list = { { id = -i }, inner }, [{ id = i }] = "key", on = i % 2 == 0 }
    end
    local back = there_and_back(list)
    for i, record in ipairs(back) do
      local at
      for key in pairs(record) do at = type(key) == "table" and key or at end
      assert.same({ i, -i, "key", i % 2 == 0 }, { record.id, record.list[1].id, record[at], record.on })
      assert.equal(i, at.id)
      assert.equal(i % 3 == 0 and print or nil, record.call)
      assert.equal(back[1].list[2], record.list[2])
    end
    assert.equal(100, #back)
  end)
end)

describe("a list", function()
  after_each(helpers.tidy)

  it("crosses with its indices, however it was made, and whatever else is in its table", function()
    local plain, backwards, holes, mixed, odd = {}, {}, {}, {}, {}
    for i = 1, 100 do
      plain[i], mixed[i], mixed["at " .. i] = i / 4, tostring(i), i
      backwards[101 - i] = { 101 - i }
      holes[i * i] = i % 2 == 0
    end
    for _, key in ipairs { 0, -1, 1, 2, 3, 5, 2.5, 2 ^ 31, 2 ^ 53, -2 ^ 31, 1e300, math.huge } do odd[key] = key end
    odd[4] = { { {}, {} }, {}, [3] = { [2] = {} } }
    local box = helpers.box()
    local check = box:load [[
      local plain, backwards, holes, mixed, odd, empty = ...
      for i = 1, 100 do
        assert(plain[i] == i / 4 and mixed[i] == tostring(i) and mixed["at " .. i] == i and backwards[i][1] == i)
        assert(holes[i * i] == (i % 2 == 0))
      end
      assert(#plain == 100 and #mixed == 100 and #backwards == 100 and next(empty) == nil)
      return ...]]
    local sent = { plain, backwards, holes, mixed, odd, {} }
    assert.same(sent, { check(plain, backwards, holes, mixed, odd, {}) })
  end)

  it("of options is refused as before, whatever its values are", function()
    for _, value in ipairs { 7, "cpu", true, {}, print } do
      helpers.raises(function() sandbox.new { value } end, "unknown option '1'")
      helpers.raises(function() sandbox.new { value, value } end, "unknown option '1'")
    end
  end)
end)
