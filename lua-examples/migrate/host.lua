-- One of two hosts between which a program moves: runs it for some steps, then sends it to the other.
--   host.lua NAME KEY_FILE
-- It prints its port and its network namespace, reads `ADDRESS PORT [PROGRAM]`, where the other is and, for one of them, what to begin
-- with, and from then on needs nobody.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. package.path
local copies = require("support.copies")
local network = require("support.network")
local sandbox = require("sandbox")
local wire = require("support.wire")

local STEPS = 7 -- of one stay

local name, key = arg[1], copies.key(arg[2])
local server, port = wire.listen()
io.stdout:setvbuf("line")
print(port, network.name())
local address, other_port, program = io.read("*l"):match("^(%S+) (%d+) ?(.*)$")

-- What the program has of its host: by these names it finds its like at the other.
local names = {
    stdout = io.stdout,
    place = function()
        return name
    end,
}

-- Sends the program away; the box here is closed when it has arrived there, and not before.
local function move(box)
    local answer = wire.send(address, other_port, "program", box:save({ key = key, names = names }))
    assert(answer == "arrived", answer)
    box:close()
end

local function arrived(image, reply)
    local ok, box = pcall(sandbox.restore, image, { key = key, names = names })
    reply(ok and "arrived" or box)
    return ok and box or nil
end

-- Runs it as long as it may stay; true if it has come to its end.
local function stay(box)
    local step = box:get("step")
    for _ = 1, STEPS do
        if not step() then
            return true
        end
    end
    return false
end

local box
if program ~= "" then
    box = sandbox.new({ memory = 4 * 2 ^ 20, cpu = 2 })
    box:stdout(names.stdout)
    box:set("place", names.place)
    box:set("last", 180)
    box:dofile(program)
end

while true do
    if box then
        print("from here on in " .. name)
        if stay(box) then
            break
        end
        move(box)
    end
    local kind, text, reply = wire.receive(server)
    if kind == "end" then
        reply("")
        os.exit(0)
    end
    box = arrived(text, reply)
end

local count, sum, places = box:get("report")()
print(("%d primes, sum %d, found in a: %d, in b: %d"):format(count, sum, places.a, places.b))
wire.send(address, other_port, "end", "")
