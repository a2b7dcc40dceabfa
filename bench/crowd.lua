-- crowd.lua <boxes|states|pages> <n> [<bytes>]: makes so many that live at once, and prints what each took: time to make it, time
-- with a first run in it, resident bytes. Pages: nothing but memory of so many bytes each.
package.path = "./?.lua;" .. package.path
local floor = require "floor"
local limits = require "bench.limits"

local what, count = arg[1], assert(tonumber(arg[2]))
local PAGE = 4096

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("*n", "*n")
  file:close()
  return pages * PAGE
end

local function print_each(made, run, bytes)
  print(("time=%.9g run=%.9g resident=%.9g"):format(made / count, run / count, bytes / count))
end

if what == "states" then
  floor.states(1)
  local before, began = resident(), floor.cpu()
  floor.hold(count)
  local made = floor.cpu() - began
  print_each(made, made, resident() - before)
elseif what == "pages" then
  local before, began = resident(), floor.cpu()
  floor.touch(count, assert(tonumber(arg[3])))
  local made = floor.cpu() - began
  print_each(made, made, resident() - before)
else
  local sandbox = require "sandbox"
  -- What the first one costs, the image of all others, is not what each costs.
  local first = sandbox.new(limits)
  first:dostring "return 1"
  first:close()
  local boxes = {}
  for i = 1, count do boxes[i] = false end
  collectgarbage()
  local before, began = resident(), floor.cpu()
  for i = 1, count do boxes[i] = sandbox.new(limits) end
  local made = floor.cpu() - began
  for i = 1, count do assert(boxes[i]:dostring "return 1" == 1) end
  print_each(made, floor.cpu() - began, resident() - before)
end
io.stdout:flush()
-- Ten thousand of them need not be closed one by one.
os.exit(0)
