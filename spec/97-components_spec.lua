--- The components of lua-examples/components: the same by plain `lua`, by `safelua`, and in `safelua --pipe`.

local helpers = require "spec.helpers"
local command = require "spec.command"

local HERE = "lua-examples/components/"
local quoted = command.quoted

--- Runs a component with these arguments (and options of the command) by each of the three; asserts that they agree, and gives
-- what it wrote to stdout and stderr.
local function by_all(input, component, args, options)
  local line = ("%s %s%s.lua %s"):format(quoted(helpers.interpreter), HERE, component, args)
  local status, out, err = command.shell(line, input)
  assert.equal(0, status, err)
  local safely = command.line(helpers.unpack(options or {}))
  local script = HERE .. component .. ".lua"
  assert.same({ status, out, err }, { command.shell(("%s %s %s"):format(safely, script, args), input) })
  -- Between two others that change nothing.
  local cat = helpers.file("for line in io.lines() do print(line) end")
  local piped = ("%s --pipe %s %s %s"):format(safely, cat, quoted(script .. " " .. args), cat)
  assert.same({ status, out, err }, { command.shell(piped, input) })
  return out, err
end

describe("the component", function()
  after_each(helpers.tidy)

  it("count counts lines, words and bytes, as wc does", function()
    assert.equal("3 4 14\n", (by_all("ab cd\n ef\nghi\n", "count", "")))
    assert.equal("0 0 0\n", (by_all("", "count", "")))
    local words = ("word and more\n"):rep(20000)
    assert.equal("20000 60000 280000\n", (by_all(words, "count", "")))
  end)

  it("match passes on the lines that a pattern matches, or the others", function()
    local input = "apple\nplum 7\npear 12\n"
    assert.equal("plum 7\npear 12\n", (by_all(input, "match", "%d+")))
    assert.equal("apple\n", (by_all(input, "match", "-v %d+")))
    assert.equal("pear 12\n", (by_all(input, "match", "'r 1'")))
  end)

  it("number puts its number before each line", function()
    assert.equal("     1\ta\n     2\tb\n", (by_all("a\nb\n", "number", "")))
    assert.equal("    10\ta\n", (by_all("a\n", "number", "10")))
  end)

  it("merge merges sorted lines", function()
    local first, second = helpers.file("b\nd\n"), helpers.file("a\nc\ne\nf")
    assert.equal("a\nb\nc\nc\nd\ne\nf\nz\n", (by_all("c\nz\n", "merge", first .. " " .. second,
      { "--read", first:match("^(.*)/") })))
    assert.equal("x\n", (by_all("x\n", "merge", "")))
  end)

  it("tee passes on all, and writes it to files", function()
    local directory = helpers.directory()
    local input = ("line\n"):rep(3000)
    assert.equal(input, (by_all(input, "tee", directory .. "/a " .. directory .. "/b", { "--write", directory })))
    for _, name in ipairs { "a", "b" } do
      local file = assert(io.open(directory .. "/" .. name))
      assert.equal(input, file:read("*a"))
      file:close()
    end
    by_all("end\n", "tee", "-a " .. directory .. "/a", { "--write", directory })
    local file = assert(io.open(directory .. "/a"))
    assert.equal(input .. ("end\n"):rep(3), file:read("*a"))
    file:close()
  end)

  it("rate passes on so many lines in a span of time", function()
    local out, err = by_all("a\nb\nc\nd\n", "rate", "3 100000")
    assert.same({ "a\nb\nc\n", "rate.lua: 1 lines dropped\n" }, { out, err })
    assert.equal("a\nb\n", (by_all("a\nb\n", "rate", "2")))
    -- With a clock of its own: a second for every three lines.
    local box = helpers.box()
    local output, complaints = helpers.captured(box), helpers.captured(box, "stderr")
    box:stdin(helpers.handle(("x\n"):rep(10)))
    local asked = 0
    box:set("now", function()
      asked = asked + 1
      return math.floor((asked - 1) / 3)
    end)
    box:dostring("os.time = now")
    box:dofile(HERE .. "rate.lua", "2", "1")
    assert.equal(("x\n"):rep(7), output())
    assert.equal(("rate.lua: 1 lines dropped\n"):rep(3), complaints())
  end)

  it("ends where nobody reads it any more", function()
    local one = helpers.file("print(io.read('*l'))")
    for _, component in ipairs { "match .", "number", "rate 1e9", "tee", "merge" } do
      local name, args = component:match("^(%S+)%s*(.*)$")
      local endless = helpers.file("while io.write('a line\\n') do end")
      local status, out, err = command.run { "--pipe", endless, ("%s%s.lua %s"):format(HERE, name, args), one }
      assert.equal(0, status, err)
      assert.truthy(out:find("a line\n$"), component)
    end
  end)

  it("says what arguments it takes", function()
    for _, name in ipairs { "match", "rate" } do
      local status, _, err = command.run { HERE .. name .. ".lua" }
      assert.equal(2, status)
      assert.truthy(err:find("usage: " .. name .. ".lua", 1, true))
    end
  end)
end)
