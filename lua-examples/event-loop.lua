-- Boxes in an event loop, libuv's through lua-luv (Debian: `lua-luv`, for each Lua): functions of boxes that are called back by
-- timers, then a hundred boxes that sleep, side by side in one thread. One of them never gives way, and is stopped.

local sandbox = require("sandbox")
local uv = require("luv")

local LIMITS = { memory = 2 ^ 20, cpu = 0.1, per = "call" }

-- 1. Callbacks. `after(milliseconds, f)` inside keeps f, a function of the box, until the timer calls it: a call into the box
-- like any other, with an allowance of its own. Nothing may be raised into libuv, so each is a pcall.

local function timers_for(box, failed)
    box:set("after", function(milliseconds, f)
        -- What comes from a box is checked like any input.
        assert(type(milliseconds) == "number" and milliseconds >= 0 and milliseconds < 2 ^ 31, "after: milliseconds expected")
        assert(type(f) == "function", "after: function expected")
        local timer = uv.new_timer()
        timer:start(math.floor(milliseconds), 0, function()
            timer:close()
            local ok, message = pcall(f)
            if not ok then
                failed(message)
            end
        end)
    end)
end

local failures = {}
local box = sandbox.new(LIMITS)
timers_for(box, function(message)
    failures[#failures + 1] = message
end)
box:dostring([[
    ticks = 0
    local function tick()
        ticks = ticks + 1
        if ticks < 5 then
            after(2, tick)
        end
    end
    after(0, tick)
    after(1, function() error("raised in a callback", 0) end)
]])
assert(not pcall(box.dostring, box, "after('soon', print)"), "a bad argument is refused")
uv.run()
assert(box:get("ticks") == 5, box:get("ticks"))
assert(#failures == 1 and failures[1] == "raised in a callback", failures[1])
box:close()
print("a box was called back 5 times, and raised once")

-- 2. Scripts that just sleep. `sleep` yields the coroutine that called the box, and the timer resumes that one.

local SCRIPT = [[
    local n = ...
    local woken = 0
    for i = 1, 3 do
        sleep((n * 7 + i) % 10)
        woken = woken + 1
        while n == 50 and i == 2 do pcall(error) end
    end
    return woken
]]

local woken, finished, stopped = 0, 0, {}

local function step(task)
    local ok, result = coroutine.resume(task.co)
    if coroutine.status(task.co) ~= "dead" then
        local timer = uv.new_timer()
        timer:start(result, 0, function()
            timer:close()
            step(task)
        end)
        return
    end
    task.box:close()
    if ok then
        finished, woken = finished + 1, woken + result
    else
        stopped[#stopped + 1] = result
    end
end

-- In Lua 5.1 no pcall may stand between: what the box raises is what `resume` gives.
for n = 1, 100 do
    local sleeper = sandbox.new(LIMITS)
    sleeper:set("sleep", function(milliseconds)
        assert(type(milliseconds) == "number" and milliseconds >= 0 and milliseconds < 2 ^ 31, "sleep: milliseconds expected")
        coroutine.yield(math.floor(milliseconds))
    end)
    local co = coroutine.create(function()
        return sleeper:dostring(SCRIPT, n)
    end)
    step({ co = co, box = sleeper })
end
print(finished .. " have finished before the loop turns")
uv.run()
assert(finished == 99 and woken == 297, finished .. " finished, woken " .. woken .. " times")
assert(#stopped == 1 and stopped[1]:find("cpu limit of 0.1 s exceeded", 1, true), stopped[1])
print("99 boxes slept 3 times each and finished; one was stopped")
