-- The same figures of others, where Debian has them: lua-rings in this process, php-luasandbox and lupa in theirs (bench/peers),
-- on the Lua that each is built with. A peer that isn't there is skipped with the reason.
local floor = require "floor"
local measure = require "bench.measure"

local ROUNDS = 7

local function double(n) return 2 * n end

local function pcalls(n)
  for i = 1, n do pcall(double, i) end
end

local function rings(report)
  local library = require "rings"
  report("new", measure.pair(function(n)
    for _ = 1, n do library.new():close() end
  end, floor.states, ROUNDS), "rings")

  report("run", measure.pair(function(n)
    for _ = 1, n do
      local state = library.new()
      state:dostring "return 1"
      state:close()
    end
  end, floor.states, ROUNDS), "rings")

  local state = library.new()
  state:dostring "function double(n) return 2 * n end"
  local ok, sum = state:dostring("return double(...)", 21)
  assert(ok and sum == 42)
  report("call", measure.pair(function(n)
    for i = 1, n do state:dostring("return double(...)", i) end
  end, pcalls, ROUNDS), "rings")

  -- What rings calls in its host is code by its text, too.
  _G.double = double
  local loop = "for i = 1, (...) do remotedostring('return double(...)', i) end return remotedostring('return double(...)', 21)"
  local fine, called, result = state:dostring(loop, 1)
  assert(fine and called and result == 42)
  report("callback", measure.pair(function(n) state:dostring(loop, n) end, pcalls, ROUNDS), "rings")
  state:close()
end

-- What a script of bench/peers tells: a line `name=seconds` for each figure; nil and its last words if it came to nothing.
local function told_by(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  local told = {}
  for name, value in text:gmatch("(%w+)=(%S+)") do told[name] = tonumber(value) end
  if told.new and told.run and told.call and told.callback then return told end
  return nil, text:match("([^\n]*)\n*$")
end

local function process(report, who, command)
  local told, why = told_by(command)
  if not told then return why end
  local floors = { new = floor.states, run = floor.states, call = pcalls, callback = pcalls }
  local summaries = measure.against_process(function() return assert(told_by(command)) end, floors, ROUNDS)
  for id, row in pairs(summaries) do report(id, row, who) end
  return nil
end

return function(report, skipped, lua)
  if lua == "5.1" or lua == "5.2" or lua == "jit" then
    if pcall(require, "rings") then
      rings(report)
    else
      skipped("rings", "lua-rings is not installed")
    end
  else
    skipped("rings", "lua-rings is for Lua 5.1 and 5.2")
  end

  -- Each is built with one Lua, and compared with that one's floor.
  if lua == "5.1" then
    local why = process(report, "php-luasandbox", "php bench/peers/luasandbox.php")
    if why then skipped("php-luasandbox", why) end
  end
  if lua == "jit" then
    local why = process(report, "lupa", "/usr/bin/python3 bench/peers/runtimes.py")
    if why then skipped("lupa", why) end
  end
end
