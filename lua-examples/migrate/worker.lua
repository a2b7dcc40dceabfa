-- A worker: takes a program out of a list in Redis, runs it for some steps and puts it back, so many times.
--   worker.lua NAME SOCKET KEY_FILE TIMES [FATAL]
-- At the FATALth time it is killed by SIGKILL after the steps.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. here .. "/?.lua;" .. package.path
local Redis = require("resp")
local copies = require("support.copies")
local sandbox = require("sandbox")

local STEPS = 5

local name, key, times, fatal = arg[1], copies.key(arg[3]), tonumber(arg[4]), tonumber(arg[5])
local redis = assert(Redis.connect(arg[2]))
local busy = "busy:" .. name
local printed = sandbox.newstream()
local names = {
    stdout = printed,
    place = function()
        return name
    end,
}

for time = 1, times do
    -- While it is run here its image is in this worker's own list: from there it is put back if the worker dies.
    local image = assert(redis:call("BRPOPLPUSH", "programs", busy, 30), "nothing to do")
    local box = sandbox.restore(image, { key = key, names = names })
    local step, running = box:get("step"), true
    for _ = 1, STEPS do
        running = running and step()
    end
    if time == fatal then
        os.execute("kill -9 $PPID")
    end
    redis:call("MULTI")
    if running then
        redis:call("LPUSH", "programs", box:save({ key = key, names = names }))
    else
        local count, sum, places = box:get("report")()
        redis:call("HSET", "results", box:get("id"), ("%d primes, sum %d"):format(count, sum))
        for place, found in pairs(places) do
            redis:call("HSET", "places:" .. box:get("id"), place, ("%d"):format(found))
        end
    end
    redis:call("DEL", busy)
    redis:call("EXEC")
    box:close()
end
print("done")
