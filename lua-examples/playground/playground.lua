-- The playground's side in nginx: each request to /run is a program, and gets a box of its own for as long as it runs.

local sandbox = require("sandbox")
local frames = require("frames")

local playground = {}

local LIMITS = {
    cpu = 0.1,
    memory = 16 * 2 ^ 20,
    output = 64 * 2 ^ 10,
    wall = 30,
    -- Never reached before `cpu` is. Under it LuaJIT interprets: a stopped loop then tells its line, and the compiler, in which
    -- Debian's LuaJIT has bugs that cost the box, is out of a stranger's reach.
    instructions = 1e9,
}

-- Shorter sleeps would keep the worker busy with nothing else.
local SHORTEST_SLEEP = 0.01

-- Run in the box before the program: an error about `sleep` then points to the program's line.
local PRELUDE = [[
    local pause = ...
    function sleep(seconds)
        if type(seconds) ~= "number" then
            error("bad argument #1 to 'sleep' (number expected, got " .. type(seconds) .. ")", 2)
        end
        pause(seconds == seconds and seconds or 0)
    end
]]

local function refuse(status, message)
    ngx.status = status
    ngx.print(message, "\n")
    return ngx.exit(status)
end

local function usage_of(box)
    return function()
        local used = box:usage()
        return { "cpu", used.cpu, "memory", used.memory_peak, "output", used.output, "instructions", used.instructions }
    end
end

-- What a program raised, in the words of the `lua` command.
local function worded(value)
    if type(value) == "string" or type(value) == "number" then
        return tostring(value)
    elseif value == nil then
        return "nil"
    end
    return "(error object is a " .. type(value) .. " value)"
end

local function new_box()
    local box = sandbox.new(LIMITS)
    local answer = frames.writer(usage_of(box))
    for _, kind in ipairs({ "stdout", "stderr" }) do
        local stream = sandbox.newstream(nil, function(bytes)
            answer.piece(kind, bytes)
        end)
        stream:setvbuf("no")
        box[kind](box, stream)
    end
    -- nginx's clock stands still while a program runs.
    ngx.update_time()
    local ends = ngx.now() + LIMITS.wall
    -- The only place where a program lets others run: nginx goes on with them until the time has come.
    box:load(PRELUDE, "=playground")(function(seconds)
        if not answer.send(true) then
            box:close()
            return
        end
        ngx.update_time()
        local left = ends - ngx.now()
        ngx.sleep(math.max(SHORTEST_SLEEP, seconds < left and seconds or left))
    end)
    return box, answer
end

-- The program compiled and called in one protected step: compiling is under the limits, too.
local function attempt(box, program)
    return pcall(function()
        local main, message = box:load(program, "=main")
        if not main then
            error(message, 0)
        end
        main()
    end)
end

local function conclude(box, answer, ok, problem)
    local state, limit = box:status()
    local fields = { "status", state }
    local function tell(name, value)
        if value then
            fields[#fields + 1] = name
            fields[#fields + 1] = value
        end
    end
    tell("limit", limit)
    tell("exit", box:usage().exit)
    answer.send(false)
    if not ok then
        local message = worded(problem)
        local trace = box:traceback() or ""
        tell("line", message:match("^main:(%d+): ") or trace:match("\n\tmain:(%d+): "))
        answer.whole("error", message)
        answer.whole("traceback", trace)
    end
    answer.whole("end", fields)
end

--- Answers a request to /run.
function playground.run()
    if ngx.req.get_method() ~= "POST" then
        return refuse(405, "send the program with POST")
    end
    -- Another site's page can't send this type without asking, and nobody answers it.
    if (ngx.var.content_type or ""):lower():match("^[^; ]*") ~= "text/x-lua" then
        return refuse(415, "send the program as text/x-lua")
    end
    ngx.req.read_body()
    local program = ngx.req.get_body_data() or ""

    ngx.header.cache_control = "no-store"
    local box, answer = new_box()
    ngx.on_abort(function()
        box:close()
        ngx.log(ngx.NOTICE, "the client went away: its program is ended")
        ngx.exit(499)
    end)
    local ok, problem = attempt(box, program)
    if box:status() ~= "closed" then
        conclude(box, answer, ok, problem)
        box:close()
    end
end

--- Answers a request to /limits.
function playground.limits()
    ngx.say(frames.lines({ "cpu", LIMITS.cpu, "memory", LIMITS.memory, "output", LIMITS.output, "wall", LIMITS.wall }))
end

return playground
