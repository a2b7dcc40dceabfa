-- A running program moves between two processes, each in a network namespace of its own, over a socket: a chain of coroutines, all of
-- them suspended, goes on in the other as if nothing had been (host.lua; the program is primes.lua). redis.lua has the same through Redis.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. package.path
local copies = require("support.copies")
local network = require("support.network")
local process = require("support.process")

copies.needed(here)
require("support.wire")
network.enter(arg[0])

local directory = process.directory()
copies.new_key(directory .. "/key")

local function host(name)
    local started = process.start(directory, network.isolated(process.lua(here .. "/host.lua", name, directory .. "/key")))
    local line = assert(started:receive(), name .. " has ended")
    started.port, started.namespace = line:match("^(%d+)\t(.*)$")
    return started
end

local a, b = host("a"), host("b")
assert((a.namespace ~= b.namespace) == (network.own == true), a.namespace)
local address_of_a, address_of_b = network.join(a, b)
b:send(address_of_a .. " " .. a.port)
a:send(address_of_b .. " " .. b.port .. " " .. here .. "/primes.lua")

-- What each has printed, stay by stay: a's and b's in turn are what the program printed.
local function stays(started)
    local list, result = {}, nil
    for line in started.receive, started do
        if line:find("^from here on in ") then
            list[#list + 1] = {}
        elseif line:find("^%d+$") then
            table.insert(list[#list], tonumber(line))
        else
            result = line
        end
    end
    started:finish()
    return list, result
end

local at_a, result_of_a = stays(a)
local at_b, result_of_b = stays(b)
local printed = {}
for i = 1, #at_a + #at_b do
    local from = i % 2 == 1 and at_a or at_b
    for _, prime in ipairs(from[(i + 1 - (i + 1) % 2) / 2]) do
        printed[#printed + 1] = prime
    end
end

local expected = {}
for n = 2, 180 do
    local prime = true
    for d = 2, n - 1 do
        prime = prime and n % d ~= 0
    end
    if prime then
        expected[#expected + 1] = n
    end
end
assert(table.concat(printed, " ") == table.concat(expected, " "), table.concat(printed, " "))
assert(#at_a == 3 and #at_b == 3, "it has not been in each three times")

print(("it moved %d times between %s"):format(#at_a + #at_b - 1,
    network.own and "two network namespaces" or "two processes"))
print("a printed up to " .. at_a[1][#at_a[1]] .. ", b then from " .. at_b[1][1] .. " on")
print(result_of_a or result_of_b)
process.remove(directory)
