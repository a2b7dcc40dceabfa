-- A place that agents come to: each runs there in its box within the place's limits, asks, and goes where it wants to go next.
--   place.lua NAME KEY_FILE HOME
-- It prints its port and its network namespace and reads `NAME ADDRESS PORT ...`, where the others are. The home of agents reads the files
-- of those to send, a line each, until `end`, and prints what each brings back or what became of it.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. package.path
local copies = require("support.copies")
local network = require("support.network")
local sandbox = require("sandbox")
local wire = require("support.wire")

-- Of one stay, whatever the agent used up elsewhere.
local LIMITS = { memory = 2 ^ 20, instructions = 20000, cpu = 1 }
local COFFEE = { oslo = 9, rome = 4, lima = 2 }

local name, key, home = arg[1], copies.key(arg[2]), arg[3]
local server, port = wire.listen()
io.stdout:setvbuf("line")
print(port, network.name())
local others = {}
for other, address, other_port in io.read("*l"):gmatch("(%S+) (%S+) (%d+)") do
    others[other] = { address = address, port = other_port }
end

local names = {
    ask = function(question)
        return question == "coffee" and COFFEE[name] or nil
    end,
}

local function send(place, kind, text)
    return wire.send(others[place].address, others[place].port, kind, text)
end

local finished

-- What became of an agent is told at its home.
local function tell(text)
    if name == home then
        print(text)
        finished = true
    else
        send(home, "report", text)
    end
end

-- Lets it go on here until it wants to go elsewhere, and sends it there.
local function stay(box)
    local next_place, result
    local ok, message = pcall(function()
        box:limits(LIMITS)
        repeat
            next_place, result = box:get("go_on")()
        until next_place ~= name
    end)
    if not ok then
        tell("stopped in " .. name .. ": " .. message)
    elseif next_place == nil then
        tell(name .. ": " .. tostring(result))
    elseif not others[next_place] then
        tell("lost in " .. name .. ": there is no place " .. tostring(next_place))
    else
        local answer = send(next_place, "agent", box:save({ key = key, names = names }))
        if answer ~= "welcome" then
            tell("not let into " .. next_place .. ": " .. answer)
        end
    end
    box:close()
end

-- Takes what comes; false once nobody will come any more.
local function receive()
    local kind, text, reply = wire.receive(server)
    if kind == "agent" then
        local ok, box = pcall(sandbox.restore, text, { key = key, names = names })
        reply(ok and "welcome" or box)
        if ok then
            stay(box)
        end
    else
        reply("")
        if kind == "report" then
            tell(text)
        end
    end
    return kind ~= "end"
end

if name ~= home then
    repeat until not receive()
    os.exit(0)
end

for program in io.lines() do
    if program == "end" then
        break
    end
    local box = sandbox.new(LIMITS)
    box:set("ask", names.ask)
    box:dofile(here .. "/prelude.lua")
    box:dofile(program)
    finished = false
    stay(box)
    while not finished do
        receive()
    end
end
-- A forged one.
local forger = sandbox.new()
forger:dofile(here .. "/prelude.lua")
print("rome lets in no agent signed by another key: " .. send("rome", "agent", forger:save({ key = "a guess" })))
for other in pairs(others) do
    send(other, "end", "")
end
