--- What `--report` says on stderr at the end: for people, or one line of JSON for each box.

local units = require("safelua.units")

local report = {}

-- What is told of each limit, and how it is shown. `used` names the field of usage().
local ROWS = {
    { name = "memory", title = "memory peak", used = "memory_peak", show = units.show_size },
    { name = "cpu", used = "cpu", show = units.show_seconds },
    { name = "wall", used = "wall", show = units.show_seconds },
    { name = "instructions", used = "instructions", show = units.show_count },
    { name = "output", used = "output", show = units.show_size },
}

local function text(job)
    local state = job.quiet and "ended for want of a reader" or job.status or "closed"
    if job.kind then
        state = state .. " by " .. job.kind
    end
    local lines = { ("safelua: %s: %s, exit status %d"):format(job.name or "(command line)", state, job.exit) }
    for _, row in ipairs(ROWS) do
        local used, limit = job.usage and job.usage[row.used], job.limits and job.limits[row.name]
        -- Instructions are counted only where they are limited.
        if used and not (row.name == "instructions" and limit == math.huge) then
            local of = limit == math.huge and "" or " of " .. row.show(limit)
            lines[#lines + 1] = ("  %-13s %s%s"):format(row.title or row.name, row.show(used), of)
        end
    end
    return table.concat(lines, "\n") .. "\n"
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

-- Whether the bytes from `at` on are a character in UTF-8, and where it ends: JSON can hold nothing else.
local function utf8_end(s, at)
    local lead, second = s:byte(at, at + 1)
    local length = lead >= 0xC2 and lead <= 0xDF and 2 or lead >= 0xE0 and lead <= 0xEF and 3 or lead >= 0xF0 and lead <= 0xF4 and 4
    if not length or not s:find("^" .. ("[\128-\191]"):rep(length - 1), at + 1) then
        return nil
    end
    local low = lead == 0xE0 and 0xA0 or lead == 0xF0 and 0x90 or 0x80
    local high = lead == 0xED and 0x9F or lead == 0xF4 and 0x8F or 0xBF
    return second >= low and second <= high and at + length - 1 or nil
end

local function quoted(s)
    local parts, at = {}, 1
    while at <= #s do
        local plain = s:match('^[^%c"\\\128-\255]+', at)
        local last = plain and at + #plain - 1 or s:byte(at) >= 128 and utf8_end(s, at)
        if last then
            parts[#parts + 1] = s:sub(at, last)
        else
            last = at
            local byte = s:byte(at)
            parts[#parts + 1] = ESCAPES[s:sub(at, at)] or byte >= 128 and "\\ufffd" or ("\\u%04x"):format(byte)
        end
        at = last + 1
    end
    return '"' .. table.concat(parts) .. '"'
end

local function number(n)
    if n == math.huge or n ~= n then
        return "null"
    end
    return n % 1 == 0 and ("%.0f"):format(n) or (("%.9g"):format(n))
end

local function value(v)
    if type(v) == "number" then
        return number(v)
    end
    return v and quoted(v) or "null"
end

local function object(fields)
    local parts = {}
    for i, field in ipairs(fields) do
        parts[i] = ('"%s":%s'):format(field[1], field[2])
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

local function json(job)
    local used, limits = {}, {}
    for _, name in ipairs({ "memory", "memory_peak", "cpu", "wall", "instructions", "output" }) do
        used[#used + 1] = { name, value(job.usage and job.usage[name]) }
    end
    for _, name in ipairs({ "memory", "cpu", "wall", "instructions", "output", "files" }) do
        limits[#limits + 1] = { name, value(job.limits and job.limits[name]) }
    end
    return object({
        { "script", value(job.name) },
        { "status", value(job.quiet and "ended" or job.status) },
        { "kind", value(job.kind) },
        { "exit", value(job.exit) },
        { "error", value(job.error) },
        { "usage", object(used) },
        { "limits", object(limits) },
    }) .. "\n"
end

--- Tells of each of these jobs, in this form (`"text"` or `"json"`).
function report.write(form, jobs)
    for _, job in ipairs(jobs) do
        io.stderr:write(form == "json" and json(job) or text(job))
    end
end

return report
