-- Finds the longest line of a text.
local longest = 0
local hooks = {}

function hooks.line(text)
    longest = math.max(longest, #text)
end

function hooks.report()
    return "longest line: " .. longest
end

return hooks
