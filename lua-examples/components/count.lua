-- count.lua: counts what comes in, and prints lines, words and bytes, as wc does.

local lines, words, bytes = 0, 0, 0
local within = false
while true do
    local piece = io.read(65536)
    if not piece then
        break
    end
    bytes = bytes + #piece
    lines = lines + select(2, piece:gsub("\n", ""))
    -- A word that goes on from the last piece has been counted.
    if within and not piece:find("^%s") then
        words = words - 1
    end
    words = words + select(2, piece:gsub("%S+", ""))
    within = not piece:find("%s$")
end
io.write(("%d %d %d\n"):format(lines, words, bytes))
