-- tee.lua [-a] FILE...: passes on all that comes in, and writes it to the files, too; with -a, to their ends.
-- Under safelua, `--write` must grant the directories.

local names = { ... }
local mode = "w"
if names[1] == "-a" then
    table.remove(names, 1)
    mode = "a"
end

local files = {}
for i, name in ipairs(names) do
    files[i] = assert(io.open(name, mode))
end

local passing = true
while true do
    local piece = io.read(4096)
    if not piece then
        break
    end
    -- The files get all of it, also where nobody reads the rest.
    passing = passing and io.write(piece)
    for _, file in ipairs(files) do
        assert(file:write(piece))
    end
    if not passing and not files[1] then
        break
    end
end

for _, file in ipairs(files) do
    assert(file:close())
end
