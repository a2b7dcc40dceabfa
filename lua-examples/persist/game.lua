-- A chat game: `NAME: TEXT` in, an answer out. Each player talks to a coroutine of their own, suspended where it waits for what they say
-- next: in the middle of a game, a loop, an expression. Nothing here knows of files or of processes that end.

local players = {} -- their coroutines, by name
local best = {} -- fewest guesses, by coroutine

math.randomseed(4)

-- Its answer to what they said last goes out, what they say next comes back.
local say = coroutine.yield

local function play(name)
    local number, guesses = math.random(1, 100), 0
    local guess = tonumber(say("I have a number from 1 to 100 in mind, " .. name))
    while guess ~= number do
        guesses = guesses + 1
        guess = tonumber(say(not guess and "a number, please" or guess < number and "higher" or "lower"))
    end
    return guesses + 1
end

local function talk(name)
    local said = say()
    while true do
        if said == "play" then
            local guesses = play(name)
            local player = players[name]
            best[player] = math.min(best[player] or guesses, guesses)
            print(name .. " found it")
            said = say("found by guess " .. guesses)
        else
            said = say("say play")
        end
    end
end

local function scores()
    local list = {}
    for name, player in pairs(players) do
        list[#list + 1] = name .. " " .. (best[player] or "none")
    end
    table.sort(list)
    return table.concat(list, ", ")
end

-- `process` is the host's: each gives its own name.
local seen, lives = {}, 0

function receive(line)
    if not seen[process()] then
        seen[process()], lives = true, lives + 1
    end
    local name, text = line:match("^(%w+): (.*)$")
    if text == "scores" then
        return scores()
    elseif text == "lives" then
        return tostring(lives)
    elseif not name then
        return "NAME: TEXT"
    end
    if not players[name] then
        players[name] = coroutine.create(talk)
        coroutine.resume(players[name], name)
    end
    local ok, answer = coroutine.resume(players[name], text)
    return ok and answer or error(answer, 0)
end
