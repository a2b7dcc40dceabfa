-- Counts the links of a text.
local count = 0
local hooks = {}

function hooks.line(text)
    for _ in text:gmatch("https?://") do
        count = count + 1
    end
end

function hooks.report()
    return count .. " links"
end

function hooks.save()
    return { count = count }
end

return hooks
