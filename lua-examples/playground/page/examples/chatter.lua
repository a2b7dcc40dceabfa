-- What a program may write is bounded, too.

local line = 0
while true do
    line = line + 1
    print("line " .. line .. ": and another thing …")
end
