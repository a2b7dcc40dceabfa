-- Running programs move between workers through a list in Redis (worker.lua; the program is primes.lua, four times). One of the workers
-- is killed with a program in its hands, which then goes on from where it was put down last.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. here .. "/?.lua;" .. package.path
local copies = require("support.copies")
local process = require("support.process")

copies.needed(here)
require("support.wire")
if not select(2, process.shell("command -v redis-server >/dev/null")) then
    process.pending("redis-server is not installed")
end
local Redis = require("resp")
local sandbox = require("sandbox")

local PROGRAMS, LAST = 4, 100

local directory = process.directory()
local socket, key_file = directory .. "/redis.sock", directory .. "/key"
local key = copies.new_key(key_file)

local function new_program(id)
    local names = {
        stdout = sandbox.newstream(),
        place = function()
            return "here"
        end,
    }
    local box = sandbox.new({ memory = 4 * 2 ^ 20, cpu = 2 })
    box:stdout(names.stdout)
    box:set("place", names.place)
    box:set("id", id)
    box:set("last", LAST)
    box:dofile(here .. "/primes.lua")
    local image = box:save({ key = key, names = names })
    box:close()
    return image
end

local function worker(name, ...)
    return process.start(directory, process.lua(here .. "/worker.lua", name, socket, key_file, ...))
end

-- What its last line is, or nil where it was killed.
local function outcome(started)
    local line = started:receive()
    started:finish()
    return line
end

local function work(redis)
    for id = 1, PROGRAMS do
        redis:call("LPUSH", "programs", new_program(id))
    end
    -- 25 primes by 5 a time, and one time to see that there are no more: 6 times for each program, 24 in all.
    -- The first worker takes each once.
    assert(outcome(worker("ann", "4")) == "done")
    -- The second hands back two, and dies with the third.
    assert(outcome(worker("ben", "6", "3")) == nil, "ben was not killed")
    assert(redis:call("LLEN", "programs") == 3 and redis:call("LLEN", "busy:ben") == 1)
    redis:call("RPOPLPUSH", "busy:ben", "programs")
    print("ben was killed with a program in his hands; it is in the list again")
    -- Two at the same time do the rest.
    local cat, dan = worker("cat", "9"), worker("dan", "9")
    assert(outcome(cat) == "done")
    assert(outcome(dan) == "done")
    assert(redis:call("LLEN", "programs") == 0)

    local found = { ann = 0, ben = 0, cat = 0, dan = 0 }
    for id = 1, PROGRAMS do
        local result = redis:call("HGET", "results", id)
        assert(result == "25 primes, sum 1060", result)
        local list = redis:call("HGETALL", "places:" .. id)
        for i = 1, list.n, 2 do
            found[list[i]] = found[list[i]] + tonumber(list[i + 1])
        end
        assert(redis:call("HGET", "places:" .. id, "ann") == "5")
    end
    -- What ben did with the third was lost with him, and done again by another.
    assert(found.ann == 20 and found.ben == 10 and found.cat > 0 and found.dan > 0 and found.cat + found.dan == 70)
    print(PROGRAMS .. " programs have each found 25 primes, sum 1060: ann 20, ben 10, cat and dan 70")
end

-- Ends in any case, even where this process is killed.
local server = process.start(directory, ("timeout -s KILL 100 redis-server --port 0 --unixsocket %s --save '' --dir %s --logfile ''")
    :format(process.quoted(socket), process.quoted(directory)))
repeat
    local line = assert(server:receive(), "redis-server has ended")
until line:find("ready to accept connections", 1, true)
local redis = assert(Redis.connect(socket))
local ok, message = xpcall(function()
    work(redis)
end, debug.traceback)
redis:shutdown()
server:finish()
process.remove(directory)
assert(ok, message)
