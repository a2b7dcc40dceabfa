--- Errors that leave a C function which has run Lua on another thread: a stream's reader, or a run inside a run. LuaJIT
-- takes that other thread for the running one until it is told otherwise, and its compiled code wrote over it.

local helpers = require "spec.helpers"

-- Enough work for LuaJIT to compile it, with exits from its traces and garbage to collect.
local CHURN = [[
local function churn()
  local t = {}
  for i = 1, 200 do
    t[i % 7 + 1] = { i, tostring(i) }
    if i % 61 == 0 then t.x = "s" .. i end
  end
  return t
end
]]

describe("errors that leave other threads behind", function()
  after_each(helpers.tidy)

  it("leave the host as it was: a reader's, raised by lines", function()
    local output, code = helpers.in_process([[
      local sandbox = require "sandbox"]] .. "\n" .. CHURN .. [[
      local raised = 0
      for _ = 1, 2000 do
        local f = sandbox.newstream(function() error("no") end)
        if not pcall(function() for _ in f:lines() do end end) then raised = raised + 1 end
        churn()
        f:close()
      end
      collectgarbage() collectgarbage()
      io.write(raised)]])
    assert.equal("0", tostring(code), output)
    -- Before Lua 5.2 "lines" takes a failure for the end.
    assert(output == "2000" or (helpers.version == 51 and output == "0"), output)
  end)

  it("leave a box as it was: a callback's that has called into the box", function()
    local box = helpers.box { cpu = 60 }
    box:set("cb", function(n)
      box:dostring("inner = ...", n)
      error("raised", 0)
    end)
    local raised, inner = box:dostring(CHURN .. [[
      local raised = 0
      for n = 1, 2000 do
        local ok, message = pcall(cb, n)
        if not ok and message == "raised" then raised = raised + 1 end
        churn()
      end
      collectgarbage() collectgarbage()
      return raised, inner]])
    assert.equal(2000, raised)
    assert.equal(2000, inner)
    assert.equal("ready", (box:status()))
  end)
end)
