-- work.lua <name> <turns>: one kind of work, so many times, for valgrind to count (bench/count/run); without arguments it prints
-- a line `name turns` for each kind.
local sandbox = require "sandbox"

local limits = { memory = 2 ^ 28, cpu = 1e6, wall = 1e6 }

local WORK = {
  { "new", 200, function()
    return function(n)
      for _ = 1, n do sandbox.new():close() end
    end
  end },
  { "run", 200, function()
    return function(n)
      for _ = 1, n do
        local box = sandbox.new(limits)
        box:dostring "return 1"
        box:close()
      end
    end
  end },
  { "call", 1000, function(box)
    local inside = box:load "return 2 * ..."
    return function(n)
      for i = 1, n do inside(i) end
    end
  end },
  { "callback", 1000, function(box)
    box:set("double", function(i) return 2 * i end)
    return box:load "local double = double for i = 1, ... do double(i) end"
  end },
  { "parcel", 10, function(box)
    local records, back = {}, box:load "return ..."
    for i = 1, 100 do records[i] = { id = i, name = "name " .. i, on = true } end
    return function(n)
      for _ = 1, n do back(records) end
    end
  end },
  { "line", 4000, function(box)
    local piece = (("x"):rep(63) .. "\n"):rep(100)
    box:stdin(sandbox.newstream(function() return piece end))
    return box:load "local lines = io.lines() for i = 1, ... do lines() end"
  end },
  { "write", 2000, function(box)
    box:stdout(sandbox.newstream(nil, function() end))
    return box:load "local write, line = io.write, ('x'):rep(63) .. '\\n' for i = 1, ... do write(line) end"
  end },
}

for _, kind in ipairs(WORK) do
  local name, turns, prepare = kind[1], kind[2], kind[3]
  if not arg[1] then
    print(name, turns)
  elseif arg[1] == name then
    local box = sandbox.new(limits)
    local work = prepare(box)
    -- Until all is warm; the collector works only between.
    work(50)
    collectgarbage()
    work(tonumber(arg[2]))
    box:close()
  end
end
