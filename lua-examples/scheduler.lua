-- Scripts that sleep, side by side in one thread: a round-robin scheduler in plain Lua drives the coroutines that call the boxes.
-- The scripts know of no coroutines; `sleep` is a host function that yields.

local sandbox = require("sandbox")

local clock = 0

local function sleep(ticks)
    coroutine.yield(clock + ticks)
    return clock
end

local SCRIPT = [[
    local name, ticks = ...
    for _ = 1, 3 do
        say(name .. " wakes at " .. sleep(ticks))
    end
    return name .. " is done"
]]

local function task(name, ticks)
    return coroutine.create(function()
        -- Sleeping costs no cpu time.
        local box = sandbox.new({ memory = 2 ^ 20, cpu = 1 })
        box:set("sleep", sleep)
        box:set("say", print)
        print(box:dostring(SCRIPT, name, ticks))
        box:close()
    end)
end

local tasks = {
    { co = task("ant", 2), wakes = 0 },
    { co = task("bee", 3), wakes = 0 },
    { co = task("cat", 5), wakes = 0 },
}

while #tasks > 0 do
    for i = #tasks, 1, -1 do
        local one = tasks[i]
        if one.wakes <= clock then
            local ok, wakes = coroutine.resume(one.co)
            if not ok then
                error(wakes)
            end
            one.wakes = wakes
        end
        if coroutine.status(one.co) == "dead" then
            table.remove(tasks, i)
        end
    end
    clock = clock + 1
end

-- A thousand at once: each waits in a box of its own.
local sleepers = {}
for i = 1, 1000 do
    local co = coroutine.create(function()
        return sandbox.run("local sleep = ... return sleep(1)", { memory = 2 ^ 20 }, sleep)
    end)
    assert(coroutine.resume(co))
    sleepers[i] = co
end
clock = clock + 1
for _, co in ipairs(sleepers) do
    local ok, woken = coroutine.resume(co)
    assert(ok and woken == clock, woken)
end
print(#sleepers .. " boxes slept at the same time")
