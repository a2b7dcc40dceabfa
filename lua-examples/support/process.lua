-- What the examples with several processes share: lines of shell, and programs in the background, with lines to and from them through
-- named pipes.

local process = {}

function process.quoted(s)
    return "'" .. s:gsub("'", "'\\''") .. "'"
end
local quoted = process.quoted

-- Runs a line of shell; its stdout without the last newline, and whether it ended well.
function process.shell(line)
    local pipe = assert(io.popen("{ " .. line .. "\n}; echo $?"))
    local output, status = pipe:read("*a"):match("^(.*)%f[%d](%d+)\n$")
    pipe:close()
    return output:gsub("\n$", ""), status == "0"
end
local shell = process.shell

local interpreter, i = arg[-1], -1
while arg[i] do
    interpreter, i = arg[i], i - 1
end

-- The command for another script, by the interpreter that runs this one.
function process.lua(script, ...)
    local words = { quoted(interpreter), quoted(script) }
    for n = 1, select("#", ...) do
        words[n + 2] = quoted((select(n, ...)))
    end
    return table.concat(words, " ")
end

-- A new directory of our own.
function process.directory()
    local path, ok = shell("mktemp -d")
    assert(ok, "mktemp made no directory")
    return path
end

function process.remove(directory)
    shell("rm -rf " .. quoted(directory))
end

function process.content(path)
    local file, message = io.open(path, "rb")
    if not file then
        return nil, message
    end
    local text = file:read("*a")
    file:close()
    return text
end

-- Ends this example as one that can't be shown here; run.lua counts it as pending.
function process.pending(reason)
    print("pending: " .. reason)
    os.exit(77)
end

local Process = {}
Process.__index = Process
local count = 0

-- Starts a command that lives until its stdin ends; `directory` takes the pipes.
function process.start(directory, command)
    count = count + 1
    local to, from = directory .. "/to." .. count, directory .. "/from." .. count
    assert(select(2, shell(("mkfifo %s %s"):format(quoted(to), quoted(from)))), "mkfifo failed")
    -- It waits for the other ends of the pipes; /dev/null meanwhile, so that this shell's own output ends.
    local pid = shell(("{ exec %s <%s >%s; } >/dev/null & echo $!"):format(command, quoted(to), quoted(from)))
    -- Open for reading as well, so that a line for a process that has died is no SIGPIPE for this one.
    local self = setmetatable({ pid = tonumber(pid), input = assert(io.open(to, "r+")) }, Process)
    self.output = assert(io.open(from, "r"))
    os.remove(to)
    os.remove(from)
    return self
end

function Process:send(line)
    self.input:write(line, "\n")
    self.input:flush()
end

-- Its next line, or nil where it has ended.
function Process:receive()
    return self.output:read("*l")
end

function Process:kill()
    shell("kill -9 " .. self.pid .. " 2>/dev/null")
    self:finish()
end

-- Lets it end, and waits for that. Its stdin ends only if no process that was started later still holds it.
function Process:finish()
    self.input:close()
    repeat until not self.output:read("*l")
    self.output:close()
end

return process
