-- pack.lua FILE > ARCHIVE.lua: makes a Lua script that carries the file, compressed, and what unpacks it, written in nothing but
-- safe Lua. `safelua ARCHIVE.lua > FILE` gives the file back; whoever does that needs to trust neither of the two.

-- The compressed bytes are pieces of text to copy as they are (a byte n below 128, then n + 1 bytes) and references to what was unpacked
-- before (128 and the length less 4, then the distance in two bytes), as in LZ77. They are written in base 64, to be text.
local UNPACKER = [=[
-- Carries %s: run it with `safelua` to have it on stdout.
local data = [[
%s]]

local SIZE = 65536
local ring, at, due = {}, 0, {}

local function put(c)
    ring[at %% SIZE] = c
    at = at + 1
    due[#due + 1] = c
    if #due == 4096 then
        assert(io.write(table.concat(due)))
        due = {}
    end
end

local value = {}
for i = 0, 63 do
    value[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i + 1)] = i
end
local bytes, bits, held = {}, 0, 0
for c in data:gmatch("[%%w+/]") do
    held, bits = held * 64 + value[c:byte()], bits + 6
    if bits >= 8 then
        bits = bits - 8
        local byte = math.floor(held / 2 ^ bits)
        bytes[#bytes + 1], held = byte, held - byte * 2 ^ bits
    end
end

local i = 1
while bytes[i] do
    local op = bytes[i]
    if op < 128 then
        for k = i + 1, i + op + 1 do
            put(string.char(bytes[k]))
        end
        i = i + op + 2
    else
        local distance = bytes[i + 1] * 256 + bytes[i + 2]
        for _ = 1, op - 128 + 4 do
            put(ring[(at - distance) %% SIZE])
        end
        i = i + 3
    end
end
io.write(table.concat(due))
]=]

local LEAST, MOST, FARTHEST = 4, 131, 65535

local function compressed(text)
    local out, literals, last_seen, i = {}, {}, {}, 1
    local function flush()
        for from = 1, #literals, 128 do
            local piece = table.concat(literals, "", from, math.min(from + 127, #literals))
            out[#out + 1] = string.char(#piece - 1) .. piece
        end
        literals = {}
    end
    while i <= #text do
        local key = text:sub(i, i + LEAST - 1)
        local before = last_seen[key]
        if #key == LEAST then
            last_seen[key] = i
        end
        if before and i - before <= FARTHEST then
            local length = LEAST
            while length < MOST and i + length <= #text and text:byte(before + length) == text:byte(i + length) do
                length = length + 1
            end
            flush()
            local distance = i - before
            out[#out + 1] = string.char(128 + length - LEAST, math.floor(distance / 256), distance % 256)
            for k = i + 1, math.min(i + length - 1, #text - LEAST + 1) do
                last_seen[text:sub(k, k + LEAST - 1)] = k
            end
            i = i + length
        else
            literals[#literals + 1] = text:sub(i, i)
            i = i + 1
        end
    end
    flush()
    return table.concat(out)
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(data)
    local out = {}
    for i = 1, #data, 3 do
        local a, b, c = data:byte(i, i + 2)
        local n = a * 65536 + (b or 0) * 256 + (c or 0)
        for digit = 1, 1 + #data:sub(i, i + 2) do
            local d = math.floor(n / 64 ^ (4 - digit)) % 64
            out[#out + 1] = DIGITS:sub(d + 1, d + 1)
        end
        if i % 90 == 88 then
            out[#out + 1] = "\n"
        end
    end
    return table.concat(out) .. "\n"
end

local name = ...
if not name then
    io.stderr:write("usage: pack.lua FILE > ARCHIVE.lua\n")
    os.exit(2)
end
local file = assert(io.open(name, "rb"))
local text = file:read("*a")
file:close()
io.write(UNPACKER:format(name:match("[^/]*$"), base64(compressed(text))))
