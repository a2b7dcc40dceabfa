--- `safelua -i`: code, line by line, each piece of it a call into the box, with an allowance of its own.

local Job = require("safelua.job")

-- Compiled in the box, so that what a line gives never has to leave it.
local RUNNER = [[
    local print, select = print, select
    local compile = loadstring or load
    local function show(...)
        if select("#", ...) > 0 then
            print(...)
        end
    end
    return function(code)
        show(compile(code, "=stdin")())
    end
]]

local function plain_reader()
    return function(prompt)
        io.stdout:write(prompt)
        io.stdout:flush()
        return io.stdin:read("*l")
    end
end

local function nothing()
end

-- Each of these, where it is installed, edits the line and keeps a history in the user's home.
local EDITORS = {
    function(history)
        local linenoise = require("linenoise")
        if history then
            pcall(linenoise.historyload, history)
        end
        return linenoise.linenoise, function(line)
            linenoise.historyadd(line)
            if history then
                pcall(linenoise.historysave, history)
            end
        end
    end,
    function(history)
        local readline = require("readline")
        readline.set_options({ histfile = history or "", keeplines = 1000, auto_add = false })
        return readline.readline, readline.add_history, function()
            -- Appends what is new, so once.
            if history then
                pcall(readline.save_history)
            end
        end
    end,
}

local function line_reader(here)
    if not (here.stdin and here.stdout) then
        return plain_reader(), nothing, nothing
    end
    local home = os.getenv("HOME")
    local history = home and home .. "/.safelua_history"
    local file = history and io.open(history, "a")
    if file then
        file:close()
    else
        history = nil
    end
    for _, editor in ipairs(EDITORS) do
        local ok, read, remember, save = pcall(editor, history)
        if ok and read then
            return read, remember, save or nothing
        end
    end
    return plain_reader(), nothing, nothing
end

-- The code begins as an expression, or with the `=` of old; else it is statements. nil and a message where it is neither; true where
-- it may become one with more lines.
local function compiled(box, text)
    local code = "return " .. text:gsub("^%s*=", "")
    if box:load(code, "=stdin") then
        return code
    end
    local ok, message = box:load(text, "=stdin")
    if ok then
        return text
    end
    return nil, message, message:find("<eof>'?$") ~= nil
end

-- Reads until there is code; nil at the end of the file, false and a message for what can't become any.
local function read_code(box, read, remember)
    local text = read("> ")
    if not text then
        return nil
    end
    local code, message, unfinished = compiled(box, text)
    while unfinished do
        local more = read(">> ")
        if not more then
            break
        end
        text = text .. "\n" .. more
        code, message, unfinished = compiled(box, text)
    end
    if text:find("%S") then
        remember(text)
    end
    return code or false, message
end

local function complain(text)
    io.stdout:flush()
    io.stderr:write("safelua: ", text, "\n")
end

--- Runs the prompt until the end of stdin, or until a line calls os.exit. A box that a limit has killed is replaced by a new one.
return function(settings, job, here, connect)
    local read, remember, save = line_reader(here)
    local runner
    local function revive()
        if job.box:status() == "killed" then
            local new = Job.new(settings, job.script, job.args)
            job.box:close()
            job.box, runner = new.box, nil
            connect(job)
            complain("the box was killed, this is a new one")
        end
    end
    local function go(code)
        -- A fresh allowance also where the last line has used up its own.
        local limits = job.box:limits()
        job.box:limits({ cpu = limits.cpu, instructions = limits.instructions, output = limits.output, wall = limits.wall })
        runner = runner or assert(job.box:load(RUNNER, "=safelua"))()
        runner(code)
    end
    while true do
        revive()
        local code, message = read_code(job.box, read, remember)
        if code == nil then
            break
        elseif not code then
            complain(message)
        else
            local ok, value = pcall(go, code)
            if ok and job:exit_code() then
                break
            elseif here.reader_gone then
                break
            elseif not ok then
                local _, text = job:failed(value)
                complain(text)
            end
        end
    end
    save()
    if here.stdin and not job:exit_code() then
        io.stdout:write("\n")
    end
    job:ended(true)
end
