-- Mobile agents: programs that hop along three hosts, each in a network namespace of its own, and collect an answer from each, within the
-- limits that each sets (place.lua). An agent that wants more time or memory than it is given there goes no further.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. package.path
local copies = require("support.copies")
local network = require("support.network")
local process = require("support.process")

copies.needed(here)
require("support.wire")
network.enter(arg[0])

local PLACES = { "oslo", "rome", "lima" }

local directory = process.directory()
copies.new_key(directory .. "/key")

local places, peers, namespaces = {}, {}, {}
for _, name in ipairs(PLACES) do
    local command = process.lua(here .. "/place.lua", name, directory .. "/key", "oslo")
    places[name], peers[name] = process.start(directory, network.isolated(command)), {}
    local line = assert(places[name]:receive(), name .. " has ended")
    places[name].port, places[name].namespace = line:match("^(%d+)\t(.*)$")
    namespaces[places[name].namespace] = true
end
local count = 0
for _ in pairs(namespaces) do
    count = count + 1
end
assert(count == (network.own and 3 or 1))

for i, one in ipairs(PLACES) do
    for j = i + 1, #PLACES do
        local other = PLACES[j]
        local address, other_address = network.join(places[one], places[other])
        table.insert(peers[other], ("%s %s %s"):format(one, address, places[one].port))
        table.insert(peers[one], ("%s %s %s"):format(other, other_address, places[other].port))
    end
end
for name, started in pairs(places) do
    started:send(table.concat(peers[name], " "))
end
print("three places, " .. (network.own and "each in a network namespace of its own" or "three processes"))

-- What an agent brings home.
local function journey(agent)
    places.oslo:send(here .. "/" .. agent .. ".lua")
    local said = assert(places.oslo:receive(), "oslo has ended")
    print(agent .. ": " .. said)
    return said
end

assert(journey("buyer") == "oslo: oslo 9, rome 4, lima 2: buy in lima")
assert(journey("idler"):find("^stopped in rome: .*instructions limit of 20000 instructions exceeded$"))
assert(journey("hoarder"):find("^stopped in lima: .*not enough memory$"))
-- Both have done no harm there.
assert(journey("buyer") == "oslo: oslo 9, rome 4, lima 2: buy in lima")

places.oslo:send("end")
print((assert(places.oslo:receive(), "oslo has ended")))
for _, started in pairs(places) do
    assert(not started:receive(), "it said more")
end
process.remove(directory)
