-- The program that moves: primes by a chain of coroutines. The first gives the numbers from 2 to `last`, each other leaves out the
-- multiples of one prime; between two steps all are suspended. Nothing here knows of sockets or images. `place` is the host's: its name.

local function numbers()
    for n = 2, last do
        coroutine.yield(n)
    end
end

local function others(source, prime)
    return coroutine.wrap(function()
        for n in source do
            if n % prime ~= 0 then
                coroutine.yield(n)
            end
        end
    end)
end

local source = coroutine.wrap(numbers)
local sources, found, places = {}, {}, {}

-- Finds and prints the next prime; false at the end.
function step()
    local prime = source()
    if not prime then
        return false
    end
    print(prime)
    source = others(source, prime)
    sources[source] = prime
    found[#found + 1] = source
    places[place()] = (places[place()] or 0) + 1
    return true
end

-- How many primes, their sum, and how many were found at each place.
function report()
    local sum = 0
    for _, each in ipairs(found) do
        sum = sum + sources[each]
    end
    return #found, sum, places
end
