--- The command line of `safelua`.

local units = require("safelua.units")

local options = {}

--- What is wrong with a command line: raised as a table, so that it can't be mistaken for a bug.
local Misuse = {}
options.Misuse = Misuse

local function misuse(...)
    error(setmetatable({ message = (...):format(select(2, ...)) }, Misuse), 0)
end

--- Raises a misuse, in these words.
options.refuse = misuse

--- The message of a misuse, or nil for any other error.
function options.misuse(value)
    return getmetatable(value) == Misuse and value.message or nil
end

local function limit(name, read)
    return function(settings, value)
        local amount, wrong = read(value)
        if not amount then
            misuse("option '--%s': %s", name, wrong)
        end
        settings.limits[name] = amount
    end
end

-- A directory that is granted is seen under its own name, unless another is given.
local function inside_of(option, text)
    local path, inside = text:match("^(.*):(/.*)$")
    if path then
        return path, inside
    end
    local parts = {}
    for part in text:gmatch("[^/]+") do
        if part == ".." then
            misuse("option '%s': '%s' needs the name that it has inside: %s:/inside", option, text, text)
        elseif part ~= "." then
            parts[#parts + 1] = part
        end
    end
    return text, "/" .. table.concat(parts, "/")
end

local function grant(option, write)
    return function(settings, value)
        local path, inside = inside_of(option, value)
        if path == "" then
            misuse("option '%s': no directory in '%s'", option, value)
        elseif settings.files[inside] then
            misuse("option '%s': there are two directories for '%s'", option, inside)
        end
        settings.files[inside] = { path = path, write = write }
        settings.granted = true
    end
end

local function environment(settings, value)
    local name, text = value:match("^([^=]+)=(.*)$")
    if not name and (value == "" or value:find("=", 1, true)) then
        misuse("option '--env': no name in '%s'", value)
    end
    -- A name alone hands on what the process has; where it has nothing, the script sees nothing.
    settings.env[name or value] = name and text or os.getenv(value)
end

local function module(settings, value)
    local name, path = value:match("^([^=]+)=(.+)$")
    if not name then
        misuse("option '--module': '%s' is not NAME=PATH", value)
    end
    settings.modules[name] = path
end

local function report(settings, value)
    if value and value ~= "json" then
        misuse("option '--report': '%s' is not 'json'", value)
    end
    settings.report = value or "text"
end

local function flag(name)
    return function(settings)
        settings[name] = true
    end
end

local function path(name)
    return function(settings, value)
        settings[name] = value
    end
end

-- `takes`: a value must follow; `may`: one may be attached with `=`.
local KNOWN = {
    ["-e"] = { takes = "code", set = function(settings, value) table.insert(settings.codes, value) end },
    ["-i"] = { set = flag("interactive") },
    ["-v"] = { set = flag("version") },
    ["-h"] = { set = flag("help") },
    ["--version"] = { set = flag("version") },
    ["--help"] = { set = flag("help") },
    ["--memory"] = { takes = "a size", set = limit("memory", units.size) },
    ["--cpu"] = { takes = "a time", set = limit("cpu", units.seconds) },
    ["--wall"] = { takes = "a time", set = limit("wall", units.seconds) },
    ["--instructions"] = { takes = "a number", set = limit("instructions", units.count) },
    ["--output"] = { takes = "a size", set = limit("output", units.size) },
    ["--files"] = { takes = "a number", set = limit("files", units.count) },
    ["--read"] = { takes = "a directory", set = grant("--read", false) },
    ["--write"] = { takes = "a directory", set = grant("--write", true) },
    ["--env"] = { takes = "NAME or NAME=VALUE", set = environment },
    ["--module"] = { takes = "NAME=PATH", set = module },
    ["--report"] = { may = true, set = report },
    ["--record"] = { takes = "a file", set = path("record") },
    ["--replay"] = { takes = "a file", set = path("replay") },
    ["--restore"] = { takes = "a file", set = path("restore") },
    ["--save-on-exit"] = { takes = "a file", set = path("save") },
    ["--key"] = { takes = "a file", set = path("key") },
    ["--pipe"] = { set = flag("pipe") },
}

--- One script of a pipeline, with its arguments: words that blanks separate and quotes or a backslash keep together.
function options.words(text)
    local words, word, quote = {}, nil, nil
    local i = 1
    while i <= #text do
        local c = text:sub(i, i)
        if c == "\\" and quote ~= "'" and i < #text then
            i = i + 1
            word = (word or "") .. text:sub(i, i)
        elseif quote then
            if c == quote then
                quote = nil
            else
                word = word .. c
            end
        elseif c == "'" or c == '"' then
            quote, word = c, word or ""
        elseif c:find("%s") then
            words[#words + 1], word = word, nil
        else
            word = (word or "") .. c
        end
        i = i + 1
    end
    if quote then
        misuse("option '--pipe': a quote is not closed in: %s", text)
    end
    words[#words + 1] = word
    return words
end

-- One option, whose value is attached to it or follows it; gives the index of the next argument.
local function option(settings, args, i)
    local text = args[i]
    local name, value = text, nil
    if text:find("^%-%-") then
        name = text:match("^[^=]*")
        value = text:match("=(.*)$")
    elseif text:find("^%-e.") then
        name, value = "-e", text:sub(3)
    end
    local known = KNOWN[name]
    if not known then
        misuse("unrecognized option '%s'", name)
    elseif value and not known.takes and not known.may then
        misuse("option '%s' takes no value", name)
    elseif known.takes and not value then
        i = i + 1
        value = args[i]
        if not value then
            misuse("option '%s' needs %s", name, known.takes)
        end
    end
    known.set(settings, value)
    return i + 1
end

-- Options that can't go together.
local function check(settings)
    local code = settings.codes[1] and "-e" or settings.interactive and "-i" or nil
    local image = settings.restore and "--restore" or settings.save and "--save-on-exit" or nil
    local other = code or settings.record and "--record" or image
    if settings.key and not image then
        misuse("option '--key' is for '--restore' and '--save-on-exit'")
    end
    if settings.restore then
        -- What the modules give was in the box when it was saved.
        local refused = settings.record and "--record" or next(settings.modules) and "--module"
        if refused then
            misuse("option '%s' can't be used with '--restore'", refused)
        end
    end
    if settings.pipe then
        if #settings.operands == 0 then
            misuse("option '--pipe' needs scripts")
        elseif other then
            misuse("option '%s' can't be used with '--pipe'", other)
        end
    end
    if settings.replay then
        other = other or settings.pipe and "--pipe"
        if other then
            misuse("option '%s' can't be used with '--replay'", other)
        elseif settings.operands[1] then
            misuse("option '--replay' runs no script")
        end
    end
end

--- Reads a command line. Raises a misuse.
function options.read(args)
    local settings = { limits = {}, files = {}, env = {}, modules = {}, codes = {}, operands = {} }
    local i, options_end = 1, false
    while i <= #args do
        local text = args[i]
        if not options_end and text == "--" then
            options_end = true
            i = i + 1
        elseif options_end or text == "-" or not text:find("^%-") then
            table.insert(settings.operands, text)
            i = i + 1
            -- What follows a script is the script's. Those of a pipeline have their arguments with them.
            options_end = options_end or not settings.pipe
        else
            i = option(settings, args, i)
        end
    end
    check(settings)
    return settings
end

return options
