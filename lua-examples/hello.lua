-- A script run in a box, its output going to the host's stdout.

local sandbox = require("sandbox")

local script = [[
    local who = ...
    calls = (calls or 0) + 1
    print("Hello, " .. who .. ", from call " .. calls .. " into this box")
    return calls
]]

local box = sandbox.new()
box:stdout(io.stdout)

print("the host, before")
local first = box:dostring(script, "world")
local second = box:dostring(script, "again")
print("the host, after")

-- One state per box: what the first call left is there in the second, and never in the host.
assert(first == 1 and second == 2, "the box must keep its globals from call to call")
assert(box:get("calls") == 2 and rawget(_G, "calls") == nil, "a box's global must not show in the host")
assert(box:status() == "ready")

local expected = "Hello, world, from call 1 into this box\nHello, again, from call 2 into this box\n"
assert(box:usage().output == #expected, "every byte of output is counted")

box:close()
