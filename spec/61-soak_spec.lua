--- The sweeps and soaks of spec/soak/ in their short form, each in a process of its own. A fixed seed makes a failure one of what was
-- changed last; SEED=n in the environment chooses another. `make soak` runs the long forms, with a new seed each time.

local helpers = require "spec.helpers"

local SEED = tonumber(os.getenv("SEED")) or 1

--- Runs spec/soak/<name>.lua at this size and asserts that it came to its end; gives what it printed.
local function soak(name, size)
  local output, code = helpers.script(("spec/soak/%s.lua %d %d"):format(name, size, SEED), 300)
  local last = output:match("([^\n]*)\n*$")
  assert(code == 0 and last:find("^ok: "), ("exit code %d: %s"):format(code, output:sub(-4000)))
  return last
end

describe("in the long run", function()
  after_each(helpers.tidy)

  it("each allocation of a box's life fails once, and says so", function()
    local said = soak("sweep", 64)
    assert(tonumber(said:match("(%d+) calls out of memory")) > 1000, said)
  end)

  it("thousands of boxes, made, stopped and gone, leave nothing behind", function()
    soak("churn", 3000)
  end)

  it("5,000 live boxes, called in random order, keep their state", function()
    soak("many", 15000)
  end)

  it("200,000 random operations do what a model says they do", function()
    local said = soak("driver", 200000)
    assert(said:find("200000 operations", 1, true), said)
  end)

  it("each of eight threads gets its own stops", function()
    soak("threads", 12)
  end)
end)
