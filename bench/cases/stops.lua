-- How late a stop is: real time from the limit to the host's next instruction.
local floor = require "floor"
local measure = require "bench.measure"
local sandbox = require "sandbox"

local WALL, STOPS = 0.002, 300

-- Three C calls that would take seconds, none of which looks up before it is done.
local LONG = {
  [[local s, p = ("a"):rep(30), ("a?"):rep(30) .. ("a"):rep(30) return function() s:find(p) end]],
  [[local s, p = ("a"):rep(2 ^ 19), ("a"):rep(2 ^ 18) .. "b" return function() s:find(p, 1, true) end]],
  [[local s = ("x"):rep(2 ^ 18) return function() s:gsub(".-b", "") end]],
}

-- Seconds past the limit, and whether it took a hard stop.
local function stopped(code)
  local box = sandbox.new { memory = 2 ^ 24 }
  local chunk = box:dostring(code)
  box:limits { wall = WALL }
  local began = floor.now()
  local ok, message = pcall(chunk)
  local took = floor.now() - began
  assert(not ok and message:find("wall limit", 1, true), "not stopped: " .. tostring(message))
  local killed = box:status() == "killed"
  box:close()
  return took - WALL, killed
end

return function(report)
  -- On a busy machine some limits pass before the C call has begun: those stops are soft, and not counted here.
  local hard, tries = {}, 0
  while #hard < STOPS do
    tries = tries + 1
    assert(tries < 3 * STOPS, "most stops were soft")
    local late, killed = stopped(LONG[tries % #LONG + 1])
    if killed then hard[#hard + 1] = late end
  end
  report("stop-hard", { cost = measure.quantile(hard, 0.99), middle = measure.median(hard) })

  local loop = {}
  for i = 1, 100 do loop[i] = stopped "return function() while true do end end" end
  report("stop-loop", { cost = measure.quantile(loop, 0.99), middle = measure.median(loop) })
end
