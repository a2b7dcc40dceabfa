--- One box with what is to run in it, and how that came out.

local sandbox = require("sandbox")
local image = require("safelua.image")
local options = require("safelua.options")

local Job = {}
Job.__index = Job

-- Which exit status a limit gives; all others 125.
local TIMES = { cpu = true, wall = true }

-- `bad argument #1 to 'new' (option 'memory': …)` is worth its inner part.
local function plain(message)
    message = tostring(message):gsub("^[^:]*:%d+: ", "")
    return message:match("^bad argument #%d+ to '[^']*' %((.*)%)$") or message
end

local function checked(f, ...)
    local ok, value = pcall(f, ...)
    if not ok then
        options.refuse("%s", plain(value))
    end
    return value
end

local function new_box(settings)
    local wanted = { modules = settings.modules, files = settings.granted and settings.files or nil }
    for name, value in pairs(settings.limits) do
        if name ~= "files" then
            wanted[name] = value
        end
    end
    wanted.per = settings.interactive and "call" or nil
    local box
    if settings.restore then
        -- A prompt may have saved it.
        wanted.modules, wanted.per = nil, wanted.per or "life"
        box = image.restore(settings, wanted, plain)
    else
        box = checked(sandbox.new, wanted)
    end
    if settings.limits.files then
        checked(box.limits, box, { files = settings.limits.files })
    end
    return box
end

local function open_file(option, path)
    local file, message = io.open(path, "wb")
    if not file then
        options.refuse("option '%s': %s", option, message)
    end
    return file
end

--- A job of a box that has run already.
function Job.over(box, name)
    return setmetatable({ box = box, name = name, args = {} }, Job)
end

--- A job for a box of its own. `script`: a path, `"-"` for stdin, or nil; `args`: what it gets as `...`, and in `arg`, with the
-- script's name at 0.
function Job.new(settings, script, args)
    if settings.save then
        image.prepare(settings)
    end
    local box = new_box(settings)
    local journal = settings.record and open_file("--record", settings.record)
    if journal then
        -- Before anything has been called inside.
        local ok, message = pcall(box.record, box, journal)
        if not ok then
            options.refuse("option '--record': %s", plain(message))
        end
    end
    local given = { [0] = script or "safelua" }
    for i, value in ipairs(args) do
        given[i] = value
    end
    box:set("arg", given)
    box:env(settings.env)
    local job = { box = box, script = script, args = args, name = script == "-" and "stdin" or script, journal = journal }
    job.settings = settings.save and settings
    return setmetatable(job, Job)
end

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local function first_line_away(code)
    -- A line that starts with # is for the shell; its end stays, so that lines keep their numbers.
    return (code:gsub("^#[^\n]*", ""))
end

--- Runs pieces of code, one after the other; raises what they raise. An os.exit ends the rest, too.
function Job:run_codes(codes)
    for _, code in ipairs(codes) do
        local f, message = self.box:load(code, "=(command line)")
        if not f then
            error(message, 0)
        end
        f()
        if self:exit_code() then
            return
        end
    end
end

--- Runs the script; raises what it raises.
function Job:run_script()
    if self.script == "-" then
        local f, message = self.box:load(first_line_away(io.stdin:read("*a") or ""), "=stdin")
        if not f then
            error(message, 0)
        end
        f(unpack(self.args))
    elseif self.script then
        self.box:dofile(self.script, unpack(self.args))
    end
end

--- What the script gave to os.exit in its last call, or nil.
function Job:exit_code()
    local _, usage = pcall(self.box.usage, self.box)
    return type(usage) == "table" and usage.exit or nil
end

-- Ends a recording; what its file refuses is an error of the job, if it has no other.
function Job:end_recording()
    if not self.journal then
        return
    end
    local ok, message = true, nil
    if self.status ~= "closed" then
        ok, message = pcall(self.box.record, self.box, nil)
    end
    local closed, wrong = self.journal:close()
    self.journal = nil
    if self.exit == 0 and not (ok and closed) then
        self.exit, self.error = 1, "the journal is not whole: " .. (ok and tostring(wrong) or plain(message))
    end
end

-- Saves the box for `--save-on-exit`; what is in the way is told beside any other error.
function Job:save_image()
    if not self.settings then
        return
    end
    local ok, saved, message
    if self.quiet then
        ok, saved, message = true, false, "nobody reads the output any more"
    else
        ok, saved, message = pcall(image.save, self.settings, self.box)
    end
    if not (ok and saved) then
        message = "the box is not saved: " .. (ok and message or plain(saved))
        self.error = self.error and self.error .. "\nsafelua: " .. message or message
        self.exit = self.exit ~= 0 and self.exit or 1
    end
end

--- Notes the outcome of a run.
function Job:ended(ok, value)
    if self.finished then
        return
    end
    self.finished = true
    self.status, self.kind = self.box:status()
    if self.status ~= "closed" then
        self.usage, self.limits = self.box:usage(), self.box:limits()
    end
    if self.quiet then
        self.exit = 0
    elseif ok then
        self.exit = self.usage and self.usage.exit or 0
    else
        self.exit, self.error = self:failed(value)
    end
    self:end_recording()
    self:save_image()
end

-- Whether it is Lua's own error for want of memory. The string buffers of Lua 5.3 have another one, with the position before it.
local function ran_out_of_memory(value)
    return value == "not enough memory"
        or type(value) == "string" and value:find("not enough memory for buffer allocation$") ~= nil
end

--- The exit status and the words for what a call raised.
function Job:failed(value)
    local status, kind = self.box:status()
    local text
    if type(value) == "string" or type(value) == "number" then
        text = tostring(value)
    else
        text = ("(error object is a %s value)"):format(type(value))
    end
    local trace = status ~= "closed" and self.box:traceback()
    -- It begins with the message, unless it is that of another error.
    if trace and trace:sub(1, #text) == text then
        text = trace
    end
    if kind then
        return TIMES[kind] and 124 or 125, text, kind
    elseif ran_out_of_memory(value) then
        return 125, text
    end
    return 1, text
end

--- Ends the job without a word, as a program that has lost its reader: what it has used is kept for the report.
function Job:end_quietly()
    if not self.quiet then
        self.quiet = true
        self.usage, self.limits = self.box:usage(), self.box:limits()
        self.box:close()
    end
end

--- What the limit on real time leaves of it.
function Job:time_left()
    local wall = self.box:limits().wall
    return wall == math.huge and wall or math.max(wall - self.box:usage().wall, 0.001)
end

return Job
