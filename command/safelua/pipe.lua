--- Several scripts in one process, each in a box of its own, each reading what the one before it writes.
--
-- The data pushes: what a box writes is handed on within that very write, to the coroutine that runs the next box, which goes on
-- until it wants more than there is. It waits there (a host function that yields), and the writer goes on. So what is
-- between two boxes is never more than a piece. What a box sees as stdin is a stream made inside it, whose reader is that function.

local sandbox = require("sandbox")
local Job = require("safelua.job")

local pipe = {}

-- Each box is called from within a write of the one before it; Lua allows some 200 such calls of C in one another.
pipe.MOST = 16

local PIECE = 65536
local EPIPE = 32

-- The library is opened inside for this alone, and taken away again before the script runs.
local PRELUDE = [[
    local more = ...
    local newstream = sandbox.newstream
    sandbox, package.loaded.sandbox = nil, nil
    io.stdin = newstream(more)
    io.input(io.stdin)
]]

local Stage = {}
Stage.__index = Stage

function Stage:finish_input()
    self.at_end = true
    if not self.over then
        self:resume(nil)
    end
end

-- A box that has ended closes what it wrote to: the next one finds the end there.
function Stage:resume(...)
    local ok, value = coroutine.resume(self.co, ...)
    if coroutine.status(self.co) ~= "dead" then
        return
    end
    self.over = true
    self.job:ended(ok, value)
    if self.out then
        self.out:close()
        self.next:finish_input()
    end
end

-- Hands on what was written. To write to a script that has ended is an error; who goes on all the same is ended, as by a signal.
function Stage:hand_on(s)
    -- The reader pays for what it gets: not for more at once than it would get from a pipe.
    for at = 1, #s, PIECE do
        if self.next.over then
            return self:refuse()
        end
        self.next:resume(#s <= PIECE and s or s:sub(at, at + PIECE - 1))
    end
    return true
end

function Stage:refuse()
    -- What lay in the buffer of one that has ended itself is of no interest.
    if self.refused and not self.over then
        self.job:end_quietly()
    end
    self.refused = true
    return nil, "Broken pipe", EPIPE
end

function Stage:connect()
    if self.next then
        self.out = sandbox.newstream(nil, function(s)
            return self:hand_on(s)
        end)
        self.out:setvbuf("full", PIECE)
        self.job.box:stdout(self.out)
    end
    if not self.first then
        self.job.box:opensandbox()
        self.job.box:dostring(PRELUDE, function()
            if self.at_end then
                return nil
            end
            return coroutine.yield()
        end)
    end
    self.co = coroutine.create(function()
        self.job:run_script()
    end)
end

--- Runs jobs as one pipeline. The first one's stdin and the last one's stdout are their own; the others' are replaced.
function pipe.run(jobs)
    local stages = {}
    for i = #jobs, 1, -1 do
        stages[i] = setmetatable({ job = jobs[i], next = stages[i + 1], first = i == 1 }, Stage)
        stages[i]:connect()
    end
    -- The last one first, so that whoever writes finds a reader waiting.
    for i = #jobs, 1, -1 do
        if not stages[i].over then
            stages[i]:resume()
        end
    end
end

--- A job for each script with its arguments.
function pipe.jobs(settings, commands)
    local jobs = {}
    for i, words in ipairs(commands) do
        local script = table.remove(words, 1)
        jobs[i] = Job.new(settings, script, words)
    end
    return jobs
end

return pipe
