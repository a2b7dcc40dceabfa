-- rate.lua LINES [SECONDS]: passes on at most so many lines in each span of so many seconds (1), and drops the rest. How many were
-- dropped is said on stderr. A box can't sleep, so nothing is held back.

local most, span = tonumber((...)), tonumber((select(2, ...)) or 1)
if not most or not span or span <= 0 then
    io.stderr:write("usage: rate.lua LINES [SECONDS]\n")
    os.exit(2)
end

local began, passed, dropped = nil, 0, 0

local function tell()
    if dropped > 0 then
        io.stderr:write(("rate.lua: %d lines dropped\n"):format(dropped))
        dropped = 0
    end
end

for line in io.lines() do
    local now = os.time()
    if not began or now - began >= span then
        tell()
        began, passed = now, 0
    end
    if passed < most then
        passed = passed + 1
        if not io.write(line, "\n") then
            break
        end
    else
        dropped = dropped + 1
    end
end
tell()
