-- An untrusted script (count.lua) over a real text, with 32 MB and 1 s, checked against coreutils.
-- Another text may be named: `lua5.4 lua-examples/word-frequency/main.lua FILE`.

local sandbox = require("sandbox")

local here = arg[0]:match("^(.*)/") or "."
local text = arg[1] or "/usr/share/common-licenses/GPL-3"

local MIB = 1024 * 1024
local limits = { memory = 32 * MIB, cpu = 1 }

local function quoted(s)
    return "'" .. s:gsub("'", "'\\''") .. "'"
end

-- A reader that gives one line at a time, so the text is never in memory whole.
local function lines_of(path)
    local file = assert(io.open(path))
    local function reader()
        local line = file:read("*l")
        return line and line .. "\n"
    end
    return sandbox.newstream(reader, nil, function()
        file:close()
    end)
end

local function count_in_box()
    local box, pieces = sandbox.new(limits), {}
    local input = lines_of(text)
    local output = sandbox.newstream(nil, function(s)
        pieces[#pieces + 1] = s
    end)
    box:stdin(input)
    box:stdout(output)
    local distinct = box:dofile(here .. "/count.lua")
    local usage = box:usage()
    box:close()
    assert(input:close() and output:close())
    return table.concat(pieces), distinct, usage
end

-- sed, not head: it reads to the end, so sort never writes into a closed pipe.
local function count_by_coreutils()
    local pipe = assert(io.popen([[LC_ALL=C; export LC_ALL
        tr -cs A-Za-z '\n' <]] .. quoted(text) .. [[ | tr A-Z a-z | sed '/^$/d' |
        sort | uniq -c | sort -k1,1rn -k2,2 | sed -n 1,10p]]))
    local output = pipe:read("*a")
    pipe:close()
    return output
end

-- What comes of a script that does its worst under the same limits.
local function attempt(code)
    local box = sandbox.new(limits)
    local ok, message = pcall(box.dostring, box, code)
    local status, kind = box:status()
    box:close()
    assert(not ok, "a script past its limit must not return")
    return message, status, kind
end

local top, distinct, usage = count_in_box()
local expected = count_by_coreutils()
assert(expected ~= "", "coreutils counted nothing")
assert(top == expected, "the box counted\n" .. top .. "but coreutils counted\n" .. expected)
assert(type(distinct) == "number" and distinct >= 10)
assert(usage.memory_peak > 0 and usage.memory_peak <= limits.memory)
assert(usage.cpu > 0 and usage.cpu <= limits.cpu)

io.write(top, ("the same as coreutils; %d distinct words\n"):format(distinct))
io.write(("used: %.2f of 32 MB, %.3f of 1 s\n"):format(usage.memory_peak / MIB, usage.cpu))

local message, status, kind = attempt("while true do end")
assert(message:find("cpu limit of 1 s exceeded", 1, true), message)
-- A loop that LuaJIT has compiled can only be stopped hard; anywhere else the box could be given more time.
assert(status == "exhausted" or status == "killed", status)
assert(kind == "cpu", kind)
io.write("an endless loop instead: cpu limit of 1 s exceeded\n")

message = attempt("local s = 'x' while true do s = s .. s end")
assert(message:find("not enough memory", 1, true), message)
io.write("an ever longer string instead: not enough memory\n")
