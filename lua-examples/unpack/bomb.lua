-- Claims to carry a file, but is a bomb: each of its words stands for ten of the one before, so that a few lines come to 10^15
-- bytes. `bomb.lua memory` unpacks them in memory first.

local words = { "ha " }
for i = 2, 15 do
    words[i] = i - 1
end

local function unpack_to(write, i)
    if i == 1 then
        return write(words[1])
    end
    for _ = 1, 10 do
        unpack_to(write, words[i])
    end
end

if ... == "memory" then
    local all = words[1]
    for _ = 1, 15 do
        all = all:rep(10)
    end
    io.write(all)
else
    unpack_to(io.write, #words)
end
