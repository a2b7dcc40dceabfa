-- Programs that outlive their process: a counter and a chat game, whose box is saved after each message (store.lua). The process that
-- they run in (host.lua) is killed again and again, by `kill -9`, at every point of its work; the next goes on, and whoever talks to
-- them can't tell.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. here .. "/?.lua;" .. package.path
local copies = require("support.copies")
local process = require("support.process")
local sandbox = require("sandbox")

copies.needed(here)
local Store = require("store")

local ANY = "whenever the signal arrives"
local POINTS = { "before the call", "before the save", "half written", "before the rename", "after the rename", "after the answer", ANY }

-- The same program in a box that is never saved; gives its `receive`.
local function in_one_process(program)
    local box = sandbox.new()
    box:set("process", function()
        return "the only one"
    end)
    box:dofile(program)
    return box:get("receive"), box
end

-- Sends a message; the answer, or nil if the host died.
local function answer_of(host, number, message)
    host:send(number .. " " .. message)
    local line = host:receive()
    return line and assert(line:match("^" .. number .. " (.*)$"), line)
end

-- Sends all messages; the host is killed at every second one, which is then sent again to the next.
local function conversation(directory, program, messages)
    local answers, kills = {}, 0
    local function start(first_line)
        local host = process.start(directory, process.lua(here .. "/host.lua", directory, program, "process " .. kills))
        local said = host:receive()
        assert(said and said:find(first_line), said or "the host has ended")
        return host
    end

    local host = start("^new$")
    for number, message in ipairs(messages) do
        local point = number % 2 == 0 and POINTS[(number / 2 - 1) % #POINTS + 1]
        if point == ANY then
            host:send(number .. " " .. message)
            host:kill()
        elseif point then
            host:send("die " .. point)
            local answer = answer_of(host, number, message)
            assert((answer ~= nil) == (point == "after the answer") and not host:receive(), "it did not die " .. point)
            host:finish()
        end
        if point then
            kills = kills + 1
            host = start("^goes on after message %d+$")
        end
        answers[number] = assert(answer_of(host, number, message), "the host has ended")
    end
    host:finish()
    return answers, kills
end

local function program_of(name)
    return here .. "/" .. name .. ".lua"
end

local function compared(name, answers, expected)
    for number, answer in ipairs(expected) do
        assert(answers[number] == answer, ("%s, message %d: %s; in one process: %s"):format(name, number, answers[number], answer))
    end
    assert(#answers == #expected)
end

-- The counter.
local receive, box = in_one_process(program_of("counter"))
local messages, expected = {}, {}
for i = 1, 15 do
    messages[i] = tostring(i * i)
    expected[i] = receive(messages[i])
end
box:close()
local directory = process.directory()
local answers, kills = conversation(directory, program_of("counter"), messages)
compared("counter", answers, expected)
assert(kills == 7 and answers[15] == "1240, little finger")
print(("counter: killed %d times in %d messages, none lost, none taken twice: %s"):format(kills, #messages, answers[15]))

-- Its image is worth nothing to who lacks the key, nor is it if a byte of it was changed.
local store = Store.open(directory)
local image = process.content(store.image)
local ok, message = pcall(sandbox.restore, image, { key = "another", names = {} })
assert(not ok, "restored by another key")
print("another key: " .. message)
local middle = math.floor(#image / 2)
local altered = image:sub(1, middle - 1) .. string.char((image:byte(middle) + 1) % 256) .. image:sub(middle + 1)
ok, message = pcall(sandbox.restore, altered, { key = store.key, names = {} })
assert(not ok, "restored from an altered image")
print("an altered image: " .. message)
process.remove(directory)

-- The game. Two players halve what is left until they have found their number; these lines are what they say then.
receive, box = in_one_process(program_of("game"))
messages, expected = {}, {}
local function say(text)
    messages[#messages + 1] = text
    expected[#expected + 1] = receive(text)
    return expected[#expected]
end
local low, high = { amy = 1, bob = 1 }, { amy = 100, bob = 100 }
say("amy: hello")
say("amy: play")
say("bob: play")
local playing = 2
while playing > 0 do
    for _, name in ipairs({ "amy", "bob" }) do
        if low[name] then
            local guess = math.floor((low[name] + high[name]) / 2)
            local answer = say(("%s: %d"):format(name, guess))
            if answer == "higher" then
                low[name] = guess + 1
            elseif answer == "lower" then
                high[name] = guess - 1
            else
                assert(answer:find("^found by guess %d$"), answer)
                low[name], playing = nil, playing - 1
            end
        end
    end
end
say("amy: scores")
-- An odd number in all, so that the last process gets a message of its own.
if #messages % 2 == 1 then
    say("bob: thanks")
end
say("bob: lives")
box:close()

directory = process.directory()
answers, kills = conversation(directory, program_of("game"), messages)
assert(expected[#expected] == "1" and answers[#answers] == tostring(kills + 1), "it has not lived in each process")
expected[#expected] = answers[#answers]
compared("game", answers, expected)
-- The log is the host's; a line may stand there twice where its message was taken anew.
local log = process.content(directory .. "/log")
assert(log:find("amy found it\n", 1, true) and log:find("bob found it\n", 1, true), log)
print(("game: killed %d times in %d messages, %s lives, no answer other than in one process"):format(kills, #messages, answers[#answers]))
process.remove(directory)
