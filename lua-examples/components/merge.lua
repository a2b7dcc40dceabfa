-- merge.lua FILE...: merges sorted lines, its input's and those of the files, as sort -m does. Of equal lines the input's come first.
-- Under safelua, `--read` must grant the files.

local sources = { { next = io.lines() } }
for _, name in ipairs({ ... }) do
    table.insert(sources, { next = io.lines(name) })
end

-- The line that is next in each source that has any left.
for i = #sources, 1, -1 do
    sources[i].line = sources[i].next()
    if not sources[i].line then
        table.remove(sources, i)
    end
end

while sources[1] do
    local least = 1
    for i = 2, #sources do
        if sources[i].line < sources[least].line then
            least = i
        end
    end
    local source = sources[least]
    if not io.write(source.line, "\n") then
        break
    end
    source.line = source.next()
    if not source.line then
        table.remove(sources, least)
    end
end
