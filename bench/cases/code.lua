-- The same chunk in a box with limits and outside: what the limits cost the code itself.
local limits = require "bench.limits"
local measure = require "bench.measure"
local sandbox = require "sandbox"
local load_text = rawget(_G, "loadstring") or load

-- `...` is how often.
local CODE = {
  loop = [[local s = 0 for _ = 1, ... do for i = 1, 5e4 do s = s + i % 7 end end return s]],
  fib = [[
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    local s = 0
    for _ = 1, ... do s = s + fib(16) end
    return s]],
  churn = [[local t = 0 for _ = 1, ... do for i = 1, 2000 do t = { i, { i } } end end return t[1] ]],
  strings = [[
    local s
    for _ = 1, ... do
      local t = {}
      for i = 1, 1000 do t[i] = "x" .. i end
      s = table.concat(t)
    end
    return #s]],
  sort = [[
    local s = 0
    for _ = 1, ... do
      local t = {}
      for i = 1, 300 do t[i] = i * 7919 % 1009 end
      table.sort(t, function(a, b) return a < b end)
      s = s + t[1]
    end
    return s]],
  patterns = [[
    local s, text = 0, ("key = value; other=12\n"):rep(30)
    for _ = 1, ... do
      for key, value in text:gmatch("(%w+)%s*=%s*(%w+)") do s = s + #key + #value end
      s = s + #text:gsub("%d+", "<%0>"):upper()
    end
    return s]],
  methods = [[
    local Account = {}
    Account.__index = Account
    function Account:deposit(n) self.balance = self.balance + n return self end
    local account = setmetatable({ balance = 0 }, Account)
    for _ = 1, ... do
      for i = 1, 5000 do account:deposit(i):deposit(-i) end
    end
    return account.balance]],
  coroutines = [[
    local s = 0
    for _ = 1, ... do
      local next_one = coroutine.wrap(function() for i = 1, 1500 do coroutine.yield(i) end return 0 end)
      for i = 1, 1500 do s = s + next_one() end
    end
    return s]],
}

return function(report)
  for _, id in ipairs { "loop", "fib", "churn", "strings", "sort", "patterns", "methods", "coroutines" } do
    local box = sandbox.new(limits)
    local inside, outside = assert(box:load(CODE[id])), assert(load_text(CODE[id]))
    assert(inside(3) == outside(3), id)
    report(id, measure.pair(inside, outside, 61))
    box:close()
  end
end
