--- `safelua`: from the command line to the exit status.

local sandbox = require("sandbox")
local Job = require("safelua.job")
local options = require("safelua.options")
local pipe = require("safelua.pipe")
local progress = require("safelua.progress")
local report = require("safelua.report")
local terminal = require("safelua.terminal")

local function complain(text)
    io.stdout:flush()
    io.stderr:write("safelua: ", text, "\n")
end

local function version()
    local lua = rawget(_G, "jit") and jit.version or _VERSION
    return ("safelua %s, %s"):format(sandbox._VERSION:match("%S+$"), lua)
end

-- The box's streams are those of the process. The progress line goes as soon as a box writes to the terminal.
local function connect(job, here, settings)
    local box = job.box
    box:stdin(io.stdin)
    box:stdout(io.stdout)
    box:stderr(io.stderr)
    if here.reader then
        job.stdout = terminal.piped(io.stdout, function()
            return job:time_left()
        end, function()
            here.reader_gone = true
            job:end_quietly()
        end)
        box:stdout(job.stdout)
    elseif here.stdout then
        -- So that a prompt shows, although the library looks whether there is input before C would flush it out.
        io.stdout:setvbuf("no")
        if settings.stop_progress then
            box:stdout(terminal.after(io.stdout, settings.stop_progress))
        end
    end
    if here.stderr and settings.stop_progress then
        box:stderr(terminal.after(io.stderr, settings.stop_progress))
    end
end

-- The exit status of several: the last one that is not 0.
local function conclude(jobs, settings, here)
    local exit = 0
    for _, job in ipairs(jobs) do
        if job.stdout then
            job.stdout:flush()
        end
    end
    settings.stop_progress()
    for _, job in ipairs(jobs) do
        if job.error then
            complain(job.error)
        end
        if job.exit ~= 0 then
            exit = job.exit
        end
    end
    if settings.report then
        io.stdout:flush()
        report.write(settings.report, jobs)
    end
    if here.reader_gone then
        terminal.die_of_broken_pipe()
    end
    return exit
end

local function run_pipe(settings, here)
    local commands = {}
    for i, operand in ipairs(settings.operands) do
        local file = io.open(operand)
        commands[i] = file and { operand } or options.words(operand)
        if file then
            file:close()
        elseif not commands[i][1] then
            options.refuse("option '--pipe': a script has no name")
        elseif commands[i][1] == "-" then
            options.refuse("option '--pipe': a script can't be read from stdin")
        end
    end
    if #commands > pipe.MOST then
        options.refuse("option '--pipe': %d scripts are more than %d", #commands, pipe.MOST)
    end
    local jobs = pipe.jobs(settings, commands)
    for _, job in ipairs(jobs) do
        connect(job, here, settings)
    end
    pipe.run(jobs)
    return conclude(jobs, settings, here)
end

local function run_one(settings, here)
    local args = settings.operands
    local script = table.remove(args, 1)
    if not script and not settings.codes[1] and not settings.interactive then
        script = "-"
    end
    local job = Job.new(settings, script, args)
    connect(job, here, settings)
    local ok, value = pcall(function()
        job:run_codes(settings.codes)
        if not job:exit_code() then
            job:run_script()
        end
    end)
    if settings.interactive and not (ok and job:exit_code()) then
        if not ok then
            local _, text = job:failed(value)
            complain(text)
        end
        require("safelua.prompt")(settings, job, here, function(other)
            connect(other, here, settings)
        end)
    else
        job:ended(ok, value)
    end
    return conclude({ job }, settings, here)
end

local function run_journal(settings, here)
    local job, wrong = require("safelua.replay")(settings)
    if job then
        return conclude({ job }, settings, here)
    end
    settings.stop_progress()
    complain(wrong)
    return 1
end

local function run(args)
    local settings = options.read(args)
    settings.stop_progress = function() end
    if settings.help then
        io.stdout:write(require("safelua.help"))
        return 0
    end
    local nothing = not (settings.operands[1] or settings.codes[1] or settings.replay)
    if settings.version then
        print(version())
        if nothing and not settings.interactive then
            return 0
        end
    end
    local here = terminal.look()
    if nothing and not settings.interactive and here.stdin then
        settings.interactive = true
        print(version())
    end
    if settings.report and here.stderr and not settings.interactive then
        settings.stop_progress = progress(settings)
    end
    local road = settings.replay and run_journal or settings.pipe and run_pipe or run_one
    return road(settings, here)
end

return function(args)
    local ok, value = pcall(run, args)
    if ok then
        return value
    end
    local text = options.misuse(value)
    complain(text and text .. "\nTry 'safelua --help'." or tostring(value))
    return text and 2 or 1
end
