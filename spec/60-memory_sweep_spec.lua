--- Issue 2: "not enough memory" behaves as in stock Lua at every point of a box's life, opening it included. Each
-- script runs under budgets that grow step by step from nothing, so that each allocation fails once.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local STEP, MOST = 512, 4 * helpers.MiB

-- What is swept: each gives "done" once there is room for all of it.
local SCRIPTS = {
  ["tables and closures"] = [[
    local t = {}
    for i = 1, 50 do t[i] = { i, x = function() return t[i] end } end
    return t[50].x()[1] == 50 and "done"]],
  ["strings"] = [[
    local parts = {}
    for i = 1, 30 do parts[i] = ("%d %s"):format(i, ("x"):rep(i)) end
    local s = table.concat(parts, ","):gsub("x+", function(m) return #m end)
    return s:upper():find("30 30", 1, true) and "done"]],
  ["coroutines"] = [[
    local sum = 0
    for i = 1, 10 do
      local co = coroutine.wrap(function(a) local b = coroutine.yield({ a }) return tostring(b) .. i end)
      co(i)
      sum = sum + #co(i)
    end
    return sum > 0 and "done"]],
  ["errors with tracebacks"] = [[
    local function deep(n) if n == 0 then error({ "x" }) end return (deep(n - 1)) end
    local ok, e = pcall(deep, 20)
    local fine, text = xpcall(function() deep(10) end, function(m) return debug.traceback(type(m)) end)
    if fine or not text:find("table") then error(text, 0) end
    return not ok and e[1] == "x" and "done"]],
  ["compiling"] = [[
    local f = assert((loadstring or load)("local a, b = ... local function g(...) return { ... } end return #g(a, b, 'x')"))
    local parts = { "return", " 7" }
    local h = assert(load(function() return table.remove(parts, 1) end))
    return f(1, 2) == 3 and h() == 7 and "done"]],
  ["streams"] = [[
    local lines = {}
    for line in io.lines() do lines[#lines + 1] = line end
    io.write(#lines, " lines\n")
    print(lines[1], lines[2], 3.5)
    io.stderr:write(tostring(io.stdin), "\n")
    return lines[2] == "two" and "done"]],
  ["calls to the host"] = [[
    local got = ask({ 1, { 2 }, key = "value" }, "x")
    return got.list[3] == 3 and ask(function() return 1 end) ~= nil and os.getenv("NAME") == "value"
      and os.date("!%Y", 0) == "1970" and os.date("*t", 0).month ~= nil and "done"]],
  ["finalizers and weak tables"] = [[
    local weak = setmetatable({}, { __mode = "k" })
    for i = 1, 30 do
      weak[{}] = i
      if newproxy then getmetatable(newproxy(true)).__gc = function() ran = true end
      else setmetatable({}, { __gc = function() ran = true end }) end
    end
    collectgarbage() collectgarbage()
    return next(weak) == nil and ran and "done"]],
  ["files"] = [[
    local f = assert(io.open("/spec/helpers.lua"))
    local line, n = f:read("*l"), #f:read("*a")
    assert(f:seek("set", 4) == 4 and #f:read(10) == 10)
    for l in io.lines("/spec/helpers.lua") do n = n + #l end
    f:close()
    local chunk = assert(loadfile("/spec/attacks/header.lua"))
    local below = sandbox.new { files = { ["/"] = "/spec/c" } }
    local missing = below:dostring("local _, message = io.open('missing') return message")
    below:close()
    return n > 1000 and type(chunk()) == "table" and missing == "missing: No such file or directory" and "done"]],
  ["boxes below"] = [[
    local b = sandbox.new()
    b:set("t", { 1, 2 })
    b:stdout(io.stdout)
    local n = b:dostring("print('below') return #t")
    local ok, message = pcall(b.dostring, b, "error('x', 0)")
    if not ok and message ~= "x" then error(message, 0) end
    b:close()
    return n == 2 and sandbox.run("return ...", nil, "done")]],
}

--- One try with that budget: the box is made, connected, run and read. Gives "done", or raises.
local function try(budget, script)
  local box = sandbox.new { memory = budget, cpu = 20, files = { ["/spec"] = "spec" } }
  local input = helpers.handle("one\ntwo\n" .. ("long "):rep(1000) .. "\n")
  local ok, result = pcall(function()
    box:stdin(input)
    box:stdout(assert(io.open("/dev/null", "w")))
    box:env { NAME = "value" }
    box:opensandbox()
    box:set("ask", function() return { list = { 1, 2, 3 } } end)
    local f, message = box:load(script, "=script")
    if not f then error(message, 0) end
    box:dostring("before = {}")
    local got = f()
    assert(type(box:get("before")) == "table")
    return got
  end)
  local usage = box:usage()
  local status = box:status()
  box:close()
  input:close()
  assert(status == "ready", "the box is " .. status)
  assert(usage.memory_peak <= budget, ("%d bytes used of %d"):format(usage.memory_peak, budget))
  if not ok then error(result, 0) end
  return result
end

describe("memory that runs out at every point", function()
  after_each(helpers.tidy)

  for name, script in pairs(SCRIPTS) do
    it("is an ordinary error: " .. name, function()
      local failures, budget, result = 0, 0, nil
      repeat
        local ok, got = pcall(try, budget, script)
        if ok then
          result = got
        else
          assert.is_string(got, "with " .. budget)
          -- Where memory runs out inside a message handler, stock Lua says "error in error handling".
          assert(got:find("not enough memory", 1, true) or got:find("error in error handling", 1, true),
            ("with %d: %s"):format(budget, got))
          failures = failures + 1
        end
        helpers.tidy()
        budget = budget + STEP
      until result == "done" or budget > MOST
      assert.equal("done", result)
      assert.is_true(failures > 10, "failed only " .. failures .. " times")
    end)
  end

  it("leaves a box that works once there is room", function()
    for budget = 40 * 1024, 200 * 1024, 4 * 1024 do
      local made, box = pcall(sandbox.new, { memory = budget })
      if made then
        local ok = pcall(box.dostring, box, SCRIPTS["errors with tracebacks"] .. " or 'no'")
        box:limits { memory = 64 * helpers.MiB }
        assert.equal("ready", (box:status()))
        assert.equal("done", box:dostring("collectgarbage() " .. SCRIPTS["errors with tracebacks"]), tostring(ok))
        box:close()
      end
    end
  end)

  it("leaves nothing behind in the process", function()
    local budget = 0
    helpers.assert_flat(400, function()
      budget = (budget + 1024) % (200 * 1024)
      pcall(try, budget, SCRIPTS["calls to the host"])
      helpers.tidy()
    end)
  end)
end)
