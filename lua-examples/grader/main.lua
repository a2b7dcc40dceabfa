-- A grader: each submission reads a text on its stdin and prints how many lines, words and bytes it has, as `wc` does. Each
-- case runs in a box of its own, under the same limits; a table tells what came of it.
--   lua5.4 lua-examples/grader/main.lua [DIRECTORY [TEXT ...]]

local sandbox = require("sandbox")

local here = arg[0]:match("^(.*)/") or "."
local directory = arg[1] or here .. "/submissions"
local licenses = "/usr/share/common-licenses/"
local texts = { licenses .. "Apache-2.0", licenses .. "BSD", licenses .. "GPL-2", licenses .. "LGPL-3", licenses .. "MPL-1.1" }
if arg[2] then
    texts = { (table.unpack or unpack)(arg, 2) }
end

-- Time is counted in VM instructions, so that a verdict does not depend on the machine; `cpu` is for what they don't
-- count, long C calls.
local LIMITS = { memory = 8 * 2 ^ 20, instructions = 1e6, cpu = 5, output = 200 }

local function quoted(s)
    return "'" .. s:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
    local pipe = assert(io.popen(command))
    local output = pipe:read("*a")
    pipe:close()
    return output
end

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

-- Blanks don't count.
local function words(output)
    return (output:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local STOPS = {
    instructions = "time limit",
    cpu = "time limit",
    wall = "time limit",
    memory = "memory limit",
    output = "output limit",
}

-- The status is the library's word; what is raised may say anything, and so decides only between kinds of failure.
local function verdict(box, ok, message, output, expected)
    local status, kind = box:status()
    if status ~= "ready" then
        return STOPS[kind] or "crash"
    elseif not ok then
        local short = type(message) == "string" and message:find("not enough memory", 1, true)
        return short and "memory limit" or "runtime error", message
    elseif words(output) ~= expected then
        return "wrong answer"
    end
    return "accepted"
end

-- One submission on one text.
local function grade(name, code, text, expected)
    local box = sandbox.new(LIMITS)
    local chunk, message = box:load(code, "=" .. name)
    if not chunk then
        box:close()
        return "compile error", 0, message
    end
    local written = {}
    local stdin = assert(io.open(text, "rb"))
    local stdout = sandbox.newstream(nil, function(s)
        written[#written + 1] = s
    end)
    box:stdin(stdin)
    box:stdout(stdout)
    local ok, raised = pcall(chunk)
    stdout:flush()
    local result, why = verdict(box, ok, raised, table.concat(written), expected)
    local used = box:usage().instructions
    box:close()
    stdin:close()
    stdout:close()
    return result, used, why
end

local cases = {}
for i, text in ipairs(texts) do
    cases[i] = { text = text, expected = words(output_of("LC_ALL=C wc <" .. quoted(text))) }
    assert(cases[i].expected ~= "", "wc counted nothing in " .. text)
end

local row = "%-10s %-7s %-14s %12s"
print(row:format("submission", "passed", "verdict", "instructions"))
local verdicts, reasons = {}, {}
for file in output_of("ls " .. quoted(directory)):gmatch("[^\n]+") do
    local name = file:match("^([%w_-]+)%.lua")
    local code = name and read(directory .. "/" .. file)
    if code then
        local passed, most, failed = 0, 0, nil
        for _, case in ipairs(cases) do
            local result, used, why = grade(name, code, case.text, case.expected)
            most = math.max(most, used)
            if result == "accepted" then
                passed = passed + 1
            elseif not failed then
                failed = result
                reasons[#reasons + 1] = why and name .. ": " .. tostring(why)
            end
        end
        verdicts[name] = failed or "accepted"
        print(row:format(name, passed .. "/" .. #cases, verdicts[name], ("%.0f"):format(most)))
    end
end
print(table.concat(reasons, "\n"))

if not arg[1] then
    local expected = {
        amy = "accepted",
        ben = "accepted",
        cid = "wrong answer",
        dan = "time limit",
        eve = "runtime error",
        fay = "memory limit",
        gus = "output limit",
        hal = "compile error",
    }
    for name, result in pairs(expected) do
        assert(verdicts[name] == result, name .. ": " .. tostring(verdicts[name]))
    end
end
