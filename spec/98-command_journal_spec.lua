--- `safelua --record` and `--replay`: a run again, in another process.

local helpers = require "spec.helpers"
local command = require "spec.command"

local run, has = command.expect, command.has

--- Asserts that a recorded run and its replay, without the script and its input, come out the same.
local function same_again(status, args, input)
  local journal = helpers.file("")
  local out, err = run(status, { "--record", journal, helpers.unpack(args) }, input)
  for i, path in ipairs(args) do
    -- The script is not there any more.
    if i == #args and path:find("^/tmp/") then os.remove(path) end
  end
  local again, complaint = run(status, { "--replay", journal })
  assert.same({ out, err }, { again, complaint })
  return out, err, journal
end

describe("safelua --replay", function()
  after_each(helpers.tidy)

  it("gives the outputs and the status of a recorded run again", function()
    local script = helpers.file [[
      local by_text = {}
      for i = 1, 20 do by_text["k" .. i] = i end
      for k in pairs(by_text) do io.write(k, " ") end
      print(math.random(), os.time(), os.clock() >= 0, {}, print)
      for line in io.lines() do print(line, os.getenv("GIVEN"), os.getenv("MISSING")) end
      io.stderr:write("to stderr\n")
      os.exit(5)
    ]]
    local out, err = same_again(5, { "--env", "GIVEN=value", script }, "one\ntwo\n")
    has(out, "one\tvalue\tnil\ntwo\tvalue\tnil\n")
    assert.equal("to stderr\n", err)
  end)

  it("gives its errors and its limits again", function()
    local _, err = same_again(1, { helpers.file("print('so far') local t = nil; t.x = 1") })
    has(err, "attempt to index", "stack traceback")
    _, err = same_again(125, { "--output", "5", helpers.file("while true do print('xyz') end") })
    has(err, "output limit of 5 bytes exceeded")
    _, err = same_again(125, { "--instructions", "5K", helpers.file("while true do x = (x or 0) + 1 end") })
    has(err, "instructions limit of 5000 instructions exceeded")
    _, err = same_again(124, { "--cpu", "50ms", helpers.file("while true do x = (x or 0) + 1 end") })
    has(err, "cpu limit of 0.05 s exceeded")
  end)

  it("says when there is no journal, or only a part of one", function()
    local _, _, journal = same_again(0, { helpers.file("for i = 1, 100 do print(i, os.clock() >= 0) end") })
    local file = assert(io.open(journal, "rb"))
    local whole = file:read("*a")
    file:close()
    local _, err = run(1, { "--replay", helpers.file(whole:sub(1, -10)) })
    has(err, "the journal has no end")
    _, err = run(1, { "--replay", helpers.file("print('a script')") })
    has(err, "safelua: /tmp/", "this is no journal")
    _, err = run(2, { "--replay", "/nonexistent" })
    has(err, "option '--replay': /nonexistent: No such file or directory")
    _, err = run(2, { "--record", "/nonexistent/journal", "-e", "" })
    has(err, "option '--record': /nonexistent/journal: No such file or directory")
    _, err = run(2, { "--record", "/dev/full", "-e", "" })
    has(err, "option '--record': recording ended: No space left on device")
  end)

  it("goes with nothing that would run something else", function()
    local _, err = run(2, { "--replay", "j", "script.lua" })
    has(err, "option '--replay' runs no script")
    for _, other in ipairs { "-i", "--pipe" } do
      _, err = run(2, { "--replay", "j", other, other == "--pipe" and "x.lua" or nil })
      has(err, ("option '%s' can't be used with '--replay'"):format(other))
    end
    _, err = run(2, { "--record", "j", "--pipe", "x.lua" })
    has(err, "option '--record' can't be used with '--pipe'")
  end)
end)
