-- Runs every example in a process of its own, by the interpreter that runs this file:
--   lua5.4 lua-examples/run.lua           checks exit status and output, ends with `N passed, N failed, N pending`
--   lua5.4 lua-examples/run.lua --show    prints what the examples show
-- The library is the one that LUA_CPATH finds, else the one in build/<lua>/.

local here = arg[0]:match("^(.*)/") or "."

local function word_counts(n)
    return ("%s*%d+ %a+\n"):rep(n)
end

-- `output` is a Lua pattern for all that the example prints, on stdout and stderr together; or `expected` a file with its very text.
-- `input` is a file for its stdin. An example that can't be shown here, by this Lua or on this machine, prints `pending: ` and the reason,
-- and ends with status 77.
local EXAMPLES = {
    {
        file = "hello.lua",
        title = "a script with its output on the host's stdout",
        output = "the host, before\n"
            .. "Hello, world, from call 1 into this box\n"
            .. "Hello, again, from call 2 into this box\n"
            .. "the host, after\n",
    },
    {
        file = "connected.lua",
        title = "a script whose streams and environment are the host's functions",
        output = "stdout, through the host's writer:\n"
            .. "pears: 3 EUR\napples: 4 EUR\nplums: 5 EUR\ntotal: 12 EUR\n"
            .. "stderr, through the host's writer:\n"
            .. "not an order: %?%?%?\n"
            .. "environment asked for: CURRENCY, HOME\n",
    },
    {
        file = "scheduler.lua",
        title = "scripts that sleep, driven by a round-robin scheduler",
        output = "ant wakes at 2\nbee wakes at 3\nant wakes at 4\ncat wakes at 5\nbee wakes at 6\nant wakes at 6\nant is done\n"
            .. "bee wakes at 9\nbee is done\ncat wakes at 10\ncat wakes at 15\ncat is done\n"
            .. "1000 boxes slept at the same time\n",
    },
    {
        file = "event-loop.lua",
        title = "boxes called back by libuv's timers, and a hundred that sleep",
        output = "a box was called back 5 times, and raised once\n0 have finished before the loop turns\n"
            .. "99 boxes slept 3 times each and finished; one was stopped\n",
    },
    {
        file = "plugins/main.lua",
        title = "a plugin host whose plugins change while it reads the GPL",
        output = "links: loaded\nlongest: loaded\n"
            .. "before line 100:\nlinks: loaded anew\nlinks: goes on from %d+\n"
            .. "before line 200:\nlongest: kept as it was: longest%.lua:%d+: [^\n]*\n"
            .. "before line 300:\nspin: loaded\nspin: switched off: spin%.lua:%d+: cpu limit of 0%.2 s exceeded\n"
            .. "in the end:\nlinks: %d+ links, the last is http[^\n]*\nlongest: longest line: %d+\n",
    },
    {
        file = "grader/main.lua",
        title = "a grader that runs submissions on licences and prints a table",
        output = "submission passed  verdict        instructions\n"
            .. "amy +5/5 +accepted +%d+\nben +5/5 +accepted +%d+\ncid +0/5 +wrong answer +%d+\ndan +0/5 +time limit +1000000\n"
            .. "eve +0/5 +runtime error +%d+\nfay +0/5 +memory limit +%d+\ngus +0/5 +output limit +%d+\nhal +0/5 +compile error +0\n"
            .. "eve: [^\n]*\nfay: [^\n]*not enough memory\nhal: hal:%d+: [^\n]*\n",
    },
    {
        file = "chat-bot/main.lua",
        title = "a chat bot whose users define its commands",
        input = "chat-bot/chat.txt",
        expected = "chat-bot/expected.txt",
    },
    {
        file = "word-frequency/main.lua",
        title = "an untrusted word count of the GPL with 32 MB and 1 s",
        output = word_counts(10)
            .. "the same as coreutils; %d+ distinct words\n"
            .. "used: %d+%.%d+ of 32 MB, %d+%.%d+ of 1 s\n"
            .. "an endless loop instead: cpu limit of 1 s exceeded\n"
            .. "an ever longer string instead: not enough memory\n",
    },
    {
        file = "unpack/main.lua",
        title = "data that carries what unpacks it, as safe Lua, and a bomb",
        output = "licence.lua: %d+ bytes, unpacked to the LICENSE of %d+\n"
            .. "the GPL: packed smaller than it is, unpacked to the same\n"
            .. "a bomb: after 1 MB output limit of 1048576 bytes exceeded\n"
            .. "a bomb in memory: not enough memory\n",
    },
    {
        file = "persist/main.lua",
        title = "a counter and a chat game that outlive their process, killed by SIGKILL at every point of its work",
        output = "counter: killed 7 times in 15 messages, none lost, none taken twice: 1240, little finger\n"
            .. "another key: [^\n]+\nan altered image: [^\n]+\n"
            .. "game: killed %d+ times in %d+ messages, %d+ lives, no answer other than in one process\n",
    },
    {
        file = "migrate/main.lua",
        title = "a running program that moves between two processes in two network namespaces",
        output = "[^\n]-\n?it moved 5 times between two [%a ]+\na printed up to 17, b then from 19 on\n"
            .. "41 primes, sum 3266, found in a: 21, in b: 20\n",
    },
    {
        file = "migrate/redis.lua",
        title = "running programs that move between workers through Redis, one of which is killed",
        output = "ben was killed with a program in his hands; it is in the list again\n"
            .. "4 programs have each found 25 primes, sum 1060: ann 20, ben 10, cat and dan 70\n",
    },
    {
        file = "agents/main.lua",
        title = "mobile agents that hop along three hosts, within limits on each",
        output = "[^\n]-\n?three places, [%a ]+\nbuyer: oslo: oslo 9, rome 4, lima 2: buy in lima\n"
            .. "idler: stopped in rome: [^\n]+\nhoarder: stopped in lima: [^\n]*not enough memory\n"
            .. "buyer: oslo: oslo 9, rome 4, lima 2: buy in lima\n"
            .. "rome lets in no agent signed by another key: [^\n]+\n",
    },
}

local function quoted(s)
    return "'" .. s:gsub("'", "'\\''") .. "'"
end

local function interpreter()
    local i = -1
    while arg[i - 1] do
        i = i - 1
    end
    return arg[i]
end

local function environment()
    local version = _VERSION:match("%d+%.%d+")
    if os.getenv("LUA_CPATH") or os.getenv("LUA_CPATH_" .. version:gsub("%.", "_")) then
        return ""
    end
    local folder = rawget(_G, "jit") and "jit" or version
    return "LUA_CPATH=" .. quoted(here .. "/../build/" .. folder .. "/?.so;;") .. " "
end

-- The shell reports the exit status, because 5.1's pipe:close() does not; a signal shows as 128 + its number.
local function run(example)
    local input = example.input and quoted(here .. "/" .. example.input) or "/dev/null"
    local command = ("%stimeout 60 %s %s 2>&1 <%s; echo \"exit status $?\""):format(
        environment(), quoted(interpreter()), quoted(here .. "/" .. example.file), input)
    local pipe = assert(io.popen(command))
    local printed = pipe:read("*a")
    pipe:close()
    local output, status = printed:match("^(.*)exit status (%d+)\n$")
    return output or printed, tonumber(status)
end

local function content(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local function verdict(example, output, status)
    if status ~= 0 then
        return "exit status " .. tostring(status)
    elseif example.expected then
        return output ~= content(here .. "/" .. example.expected) and "not the text of " .. example.expected or nil
    elseif not output:find("^" .. example.output .. "$") then
        return "unexpected output"
    end
    return nil
end

local show = arg[1] == "--show"
if arg[1] and not show then
    io.stderr:write("usage: ", interpreter(), " ", arg[0], " [--show]\n")
    os.exit(2)
end

local passed, failed, pending = 0, 0, 0
for _, example in ipairs(EXAMPLES) do
    local output, status = run(example)
    local reason = status == 77 and output:match("^pending: (.-)\n$")
    local wrong = not reason and verdict(example, output, status)
    if reason then
        pending = pending + 1
        io.write("pending ", example.file, ": ", reason, "\n")
    elseif wrong then
        failed = failed + 1
        io.write("FAILED  ", example.file, ": ", wrong, "\n", output)
    else
        passed = passed + 1
        if show then
            io.write("== ", example.file, ": ", example.title, "\n", output, "\n")
        else
            io.write("ok      ", example.file, ": ", example.title, "\n")
        end
    end
end

if not show then
    io.write(("%d passed, %d failed, %d pending\n"):format(passed, failed, pending))
end
os.exit(failed == 0 and 0 or 1)
