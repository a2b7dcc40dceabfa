-- A chat bot: reads lines of chat, `name: text`, and answers commands that the users themselves have defined.
--   lua5.4 lua-examples/chat-bot/main.lua <lua-examples/chat-bot/chat.txt
--
-- !def NAME CODE    defines a command; CODE gets who called it, and what was said after its name, as `...`
-- !undef NAME       takes back one's own
-- !commands         lists them
-- !NAME TEXT        calls one: what it prints and what it returns is the answer
--
-- Each user has one box. All of the user's commands run in it, whoever calls them, so they share their globals and their limits.

local sandbox = require("sandbox")

local LIMITS = { memory = 2 ^ 20, instructions = 2e5, cpu = 0.5, output = 400, per = "call" }
local MAX_COMMANDS = 3 -- of one user
local MAX_STOPS = 3 -- then none of the user's commands is called any more
local MAX_ANSWER = 120 -- letters

local users, commands = {}, {}

-- What commands may ask, by `require "chat"`.
local chat = {
    users = function()
        local names = {}
        for name in pairs(users) do
            names[#names + 1] = name
        end
        table.sort(names)
        return names
    end,
}

local function user_of(name)
    local user = users[name]
    if not user then
        user = { name = name, stops = 0, defined = 0, pieces = {} }
        users[name] = user
    end
    return user
end

-- A user's box is made when it is first needed. Where one was killed or closed, what the commands kept in it is gone: the next
-- is new, and they are compiled anew from their text.
local function box_of(user)
    local status = user.box and user.box:status()
    if status ~= "ready" and status ~= "exhausted" then
        user.box = sandbox.new({
            memory = LIMITS.memory,
            instructions = LIMITS.instructions,
            cpu = LIMITS.cpu,
            output = LIMITS.output,
            per = LIMITS.per,
            modules = { chat = chat },
        })
        user.stdout = sandbox.newstream(nil, function(s)
            user.pieces[#user.pieces + 1] = s
        end)
        user.box:stdout(user.stdout)
        user.compiled = {}
    end
    return user.box
end

-- What comes out of a box may hold anything: one line of it, of ordinary letters, is said.
local function plain(text)
    text = text:gsub("%s+", " "):gsub("[^\32-\126]", "?"):gsub("^ ", ""):gsub(" $", "")
    if #text > MAX_ANSWER then
        text = text:sub(1, MAX_ANSWER - 3) .. "..."
    end
    return text
end

local function define(user, name, code)
    local old = commands[name]
    if old and old.user ~= user then
        return "!" .. name .. " is " .. old.user.name .. "'s"
    elseif not old and user.defined == MAX_COMMANDS then
        return "no more than " .. MAX_COMMANDS .. " commands, " .. user.name
    end
    local box = box_of(user)
    local chunk, message = box:load(code, "=!" .. name)
    if not chunk then
        return plain(message)
    end
    user.compiled[name] = chunk
    user.defined = user.defined + (old and 0 or 1)
    commands[name] = { user = user, code = code }
    return "!" .. name .. " is defined"
end

local function undefine(user, name)
    local command = commands[name]
    if not command or command.user ~= user then
        return "you have no !" .. name
    end
    commands[name], user.compiled[name] = nil, nil
    user.defined = user.defined - 1
    return "!" .. name .. " is gone"
end

local function list()
    local names = {}
    for name, command in pairs(commands) do
        names[#names + 1] = "!" .. name .. " (" .. command.user.name .. ")"
    end
    table.sort(names)
    return #names > 0 and table.concat(names, ", ") or "none yet"
end

local function call(command, name, caller, text)
    local user = command.user
    if user.stops >= MAX_STOPS then
        return user.name .. "'s commands are off"
    end
    local box = box_of(user)
    local chunk, message = user.compiled[name], nil
    if not chunk then
        chunk, message = box:load(command.code, "=!" .. name)
        user.compiled[name] = chunk
    end
    local ok, result = pcall(chunk or error, chunk and caller or message, text)
    user.stdout:flush()
    local printed = table.concat(user.pieces)
    user.pieces = {}
    if not ok then
        -- Errors are values like any other: also tables, whose text says nothing.
        local why = type(result) == "string" and result or "an error that is a " .. type(result)
        -- A box that is full stays so: this one is given up. A command may say that it is full when it is not, and loses by that.
        local full = why:find("not enough memory", 1, true)
        if full or box:status() ~= "ready" then
            user.stops = user.stops + 1
        end
        if full then
            box:close()
        end
        return plain(why)
    end
    if result ~= nil then
        printed = printed .. " " .. tostring(result)
    end
    return plain(printed)
end

local function answer(name, text)
    local verb, rest = text:match("^!(%w+)%s*(.*)$")
    if not verb then
        return nil
    end
    local user = user_of(name)
    if verb == "def" then
        local command, code = rest:match("^(%w+)%s+(.+)$")
        return command and define(user, command, code) or "!def NAME CODE"
    elseif verb == "undef" then
        return undefine(user, rest)
    elseif verb == "commands" then
        return list()
    elseif commands[verb] then
        return call(commands[verb], verb, name, rest)
    end
    return "no command !" .. verb
end

for line in io.lines() do
    local name, text = line:match("^(%w+): (.*)$")
    if name then
        user_of(name)
        print(line)
        local said = answer(name, text)
        if said then
            print("  bot: " .. said)
        end
    end
end

for _, user in pairs(users) do
    if user.box then
        user.box:close()
    end
end
