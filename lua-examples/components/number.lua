-- number.lua [START]: puts its number before each line, as cat -n does.

local start = tonumber((...) or 1)
if not start then
    io.stderr:write("usage: number.lua [START]\n")
    os.exit(2)
end

for line in io.lines() do
    if not io.write(("%6d\t"):format(start), line, "\n") then
        break
    end
    start = start + 1
end
