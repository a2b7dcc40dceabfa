-- A counter. Nothing here knows of files or of processes that end: its state is a local variable, and a coroutine that is always suspended.

local count = 0

local hand = coroutine.wrap(function()
    while true do
        for _, finger in ipairs({ "thumb", "forefinger", "middle finger", "ring finger", "little finger" }) do
            coroutine.yield(finger)
        end
    end
end)

function receive(text)
    count = count + assert(tonumber(text), "a number expected")
    return ("%d, %s"):format(count, hand())
end
