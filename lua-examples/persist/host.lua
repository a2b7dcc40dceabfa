-- A host whose box outlives it: takes messages, `NUMBER TEXT`, one a line on stdin, and answers each with `NUMBER ANSWER` once the
-- box is saved.
--   lua5.4 lua-examples/persist/host.lua DIRECTORY PROGRAM NAME
-- `die POINT` has it die by SIGKILL when it next gets to that point of its work.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. here .. "/?.lua;" .. package.path
local sandbox = require("sandbox")
local Store = require("store")

local directory, program, name = arg[1], arg[2], arg[3]
local fatal

local function reached(point)
    if point == fatal then
        os.execute("kill -9 $PPID")
    end
end

-- What the code in the box has of this process: by these names the next process gives it its own.
local log = assert(io.open(directory .. "/log", "a"))
log:setvbuf("line")
local names = {
    log = log,
    process = function()
        return name
    end,
}

local store = Store.open(directory, reached)
local box = store:load(names)
if box then
    io.write("goes on after message ", box:get("taken"), "\n")
else
    box = sandbox.new({ memory = 2 ^ 20, cpu = 0.5, per = "call" })
    box:stdout(log)
    box:set("process", names.process)
    box:set("taken", 0)
    box:dofile(program)
    io.write("new\n")
end
io.stdout:flush()
local receive = box:get("receive")

for line in io.lines() do
    local number, text = line:match("^(%d+) (.*)$")
    if number then
        reached("before the call")
        -- One that is sent again, because the answer was lost with the process before this one: it is in the box, as all else.
        if tonumber(number) > box:get("taken") then
            box:set("answer", receive(text))
            box:set("taken", tonumber(number))
            reached("before the save")
            store:save(box, names)
        end
        io.write(number, " ", box:get("answer"), "\n")
        io.stdout:flush()
        reached("after the answer")
    else
        fatal = line:match("^die (.*)$")
    end
end
box:close()
