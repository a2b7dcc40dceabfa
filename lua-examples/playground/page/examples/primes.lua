-- How many primes are there below a hundred thousand?

local LIMIT = 100000
local composite, count = {}, 0

for n = 2, LIMIT do
    if not composite[n] then
        count = count + 1
        for multiple = n * n, LIMIT, n do
            composite[multiple] = true
        end
    end
end

print(count .. " primes below " .. LIMIT)
print(("%.3f s of CPU time"):format(os.clock()))
