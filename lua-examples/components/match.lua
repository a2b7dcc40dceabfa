-- match.lua [-v] PATTERN: passes on the lines that the Lua pattern matches; with -v, the others.

local first, second = ...
local wanted = first ~= "-v"
local pattern = wanted and first or second
if not pattern then
    io.stderr:write("usage: match.lua [-v] PATTERN\n")
    os.exit(2)
end

for line in io.lines() do
    if (line:find(pattern) ~= nil) == wanted then
        -- Nobody wants any more.
        if not io.write(line, "\n") then
            break
        end
    end
end
