--- Boxes that wait for a host function which has yielded, for the specs of that.

local assert = require "luassert"
local helpers = require "spec.helpers"

local unpack = helpers.unpack

local waiting = {}

local function pack(...) return { n = select("#", ...), ... } end

--- A box whose global `wait` yields its arguments and gives what the coroutine is resumed with.
function waiting.box(options)
  local box = helpers.box(options)
  box:set("wait", function(...) return coroutine.yield(...) end)
  return box
end

--- Starts a coroutine that is expected to yield; gives it and what it yielded.
function waiting.start(body, ...)
  local co = coroutine.create(body)
  local results = pack(coroutine.resume(co, ...))
  assert.is_true(results[1], tostring(results[2]))
  assert.equal("suspended", coroutine.status(co))
  return co, unpack(results, 2, results.n)
end

--- Resumes it to its end; gives what it returned.
function waiting.finish(co, ...)
  local results = pack(coroutine.resume(co, ...))
  assert.is_true(results[1], tostring(results[2]))
  assert.equal("dead", coroutine.status(co))
  return unpack(results, 2, results.n)
end

--- Has all that is garbage collected, and what hangs on it.
function waiting.collect()
  for _ = 1, 4 do collectgarbage() end
end

return waiting
