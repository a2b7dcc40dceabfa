-- A box in a variable to be closed, left by error, break, goto, return and coroutine.close: closed once, quietly.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

-- pending where the language has no variables to be closed
if host.version ~= "5.4" then
  host.another()
  host.pending("no variables to be closed before Lua 5.4")
end

local chunk = [[
  local host, sandbox = ...
  local seen
  do local box <close> = sandbox.new() seen = box end
  host.equal(seen:status(), "closed", "at the end of a block")

  host.raises("thrown", function() local box <close> = sandbox.new() seen = box error("thrown") end)
  host.equal(seen:status(), "closed", "after an error")

  for _ = 1, 3 do local box <close> = sandbox.new() seen = box if box:dostring("return true") then break end end
  host.equal(seen:status(), "closed", "after a break")

  do
    local n = 0
    ::again::
    do
      local box <close> = sandbox.new()
      seen = box
      n = n + 1
      if n < 5 then goto again end
    end
    host.equal(n, 5, "rounds")
  end
  host.equal(seen:status(), "closed", "after a goto")

  local function returning() local box <close> = sandbox.new() seen = box return box:dostring("return 1, 2, 3") end
  host.equal(select("#", returning()), 3, "results")
  host.equal(seen:status(), "closed", "after a return")

  local co = coroutine.create(function() local box <close> = sandbox.new() seen = box box:dostring("x = 1") coroutine.yield() end)
  coroutine.resume(co)
  host.equal(seen:status(), "ready", "while suspended")
  assert(coroutine.close(co))
  host.equal(seen:status(), "closed", "after coroutine.close")

  -- closed already, and closed by the error of its own run
  do local box <close> = sandbox.new() seen = box box:close() end
  host.equal(seen:status(), "closed", "closed by hand")
  host.raises("cpu limit", function() local box <close> = sandbox.new {cpu = 0.05} seen = box box:dostring("while true do end") end)
  host.equal(seen:status(), "closed", "after a limit")

  -- as the closing value of a generic for
  for i in function(_, i) i = (i or 0) + 1 if i <= 3 then return i end end, nil, nil, (function() seen = sandbox.new() return seen end)() do
    host.equal(seen:status(), "ready", "in the loop " .. i)
  end
  host.equal(seen:status(), "closed", "after the loop")

  -- left while it runs: by an error of a callback, and by a callback that closes the coroutine's variable
  host.raises("from the callback", function()
    local box <close> = sandbox.new()
    seen = box
    box:set("cb", function() local inner <close> = sandbox.new() error("from the callback", 0) end)
    box:dostring("cb()")
  end)
  host.equal(seen:status(), "closed", "after an error of a callback")
  host.raises("sandbox is closed", function()
    local box <close> = sandbox.new()
    box:set("cb", function() local same <close> = box end)
    box:dostring("cb() while true do end")
  end)

  -- a hundred, closed in the reverse order
  local function many(n)
    if n == 0 then error("unwound", 0) end
    local box <close> = sandbox.new()
    return many(n - 1), box
  end
  host.raises("unwound", many, 100)
]]
assert(load(chunk, "=to-be-closed"))(host, sandbox)

-- inside a box, for a box below it
local box = sandbox.new()
box:opensandbox()
host.equal(box:dostring([[
  local seen
  local ok = pcall(function() local below <close> = sandbox.new() seen = below error("x") end)
  assert(not ok)
  return seen:status()
]]), "closed", "a box below")

host.done()
