--- What the process' own streams are, and how a box writes to them.

local sandbox = require("sandbox")

local terminal = {}

-- Lua can't tell a terminal from a file; the shell can.
local LOOK = "n=0; [ -t 0 ] && n=1; [ -t 1 ] && n=$((n+2)); [ -t 2 ] && n=$((n+4)); "
    .. "{ [ -p /dev/fd/1 ] || [ -S /dev/fd/1 ]; } && n=$((n+8)); exit $n"

local function bit(number, value)
    return number % (2 * value) >= value
end

--- Which of the streams are terminals, and whether stdout has a reader that may go away.
function terminal.look()
    local status, _, code = os.execute(LOOK)
    -- Lua 5.1 gives what wait(2) gives.
    local bits = code or (type(status) == "number" and math.floor(status / 256)) or 0
    return { stdin = bit(bits, 1), stdout = bit(bits, 2), stderr = bit(bits, 4), reader = bit(bits, 8) }
end

-- As much as a pipe holds: what goes through the relay at once.
local PIECE = 65536

-- Writes to a pipe on behalf of a box, under what is left of that box's real time; gives true, or nil and a message and a number.
local function relay(file)
    local box = sandbox.new({ cpu = math.huge, memory = 2 ^ 21 })
    box:stdout(file)
    local put = box:load([[
        local s = ...
        local ok, message, number = io.write(s)
        if ok then
            ok, message, number = io.stdout:flush()
        end
        return ok and true, message, number
    ]], "=safelua")
    return function(s, seconds)
        box:limits({ wall = seconds })
        return put(s)
    end
end

local EPIPE = 32

--- A stream over a pipe of the process. Where nobody reads that any more, `gone` is called, which ends whoever writes: the library
-- keeps the signal that would have done it away from a box. `time_left` gives what the writer's limit on real time leaves.
function terminal.piped(file, time_left, gone)
    local put = relay(file)
    local stream = sandbox.newstream(nil, function(s)
        for at = 1, #s, PIECE do
            local ok, message, number = put(s:sub(at, at + PIECE - 1), time_left())
            if not ok then
                if number == EPIPE then
                    gone()
                end
                return nil, message, number
            end
        end
    end)
    stream:setvbuf("full", PIECE)
    return stream
end

--- A stream over one of the process, which calls `first` before anything is written.
function terminal.after(file, first)
    local stream = sandbox.newstream(nil, function(s)
        first()
        return file:write(s)
    end)
    stream:setvbuf("no")
    return stream
end

--- Ends the process as the signal for a writer without a reader does.
function terminal.die_of_broken_pipe()
    io.stdout:write("\n")
    io.stdout:flush()
    -- Whoever started this has told it to ignore the signal.
    os.exit(141)
end

return terminal
