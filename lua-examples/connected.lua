-- A script whose stdin, stdout, stderr and environment are all functions of the host.

local sandbox = require("sandbox")

local script = [[
    local currency = os.getenv("CURRENCY")
    local total = 0
    for line in io.lines() do
        local item, price = line:match("^(%a+) (%d+)$")
        if item then
            total = total + tonumber(price)
            print(item .. ": " .. price .. " " .. currency)
        else
            io.stderr:write("not an order: ", line, "\n")
        end
    end
    print("total: " .. total .. " " .. currency)
    return os.getenv("HOME")
]]

-- Pieces may be of any length and end anywhere; nil is the end of the file.
local pieces = { "pears 3\napp", "les 4\n???\n", "plums 5" }
local out, err, asked, cleaned = {}, {}, {}, 0

local function reader()
    return table.remove(pieces, 1)
end

local function collect(into)
    return function(s)
        into[#into + 1] = s
    end
end

local function cleaner()
    cleaned = cleaned + 1
end

local stdin = sandbox.newstream(reader, nil, cleaner)
local stdout = sandbox.newstream(nil, collect(out), cleaner)
local stderr = sandbox.newstream(nil, collect(err), cleaner)
assert(io.type(stdin) == "file", "a stream is a stock file handle")

local box = sandbox.new()
assert(box:stdin(stdin) == stdin, "assigning a stream returns it")
box:stdout(stdout)
box:stderr(stderr)
box:env(function(name)
    asked[#asked + 1] = name
    return ({ CURRENCY = "EUR" })[name]
end)

local home = box:dostring(script)
box:close()

-- The streams are still the host's: it closes them, and only then is what they buffered surely with the writers.
assert(io.type(stdout) == "file" and cleaned == 0, "closing a box closes no stream of the host")
for _, stream in ipairs({ stdin, stdout, stderr }) do
    assert(stream:close())
end

local output, errors = table.concat(out), table.concat(err)
assert(output == "pears: 3 EUR\napples: 4 EUR\nplums: 5 EUR\ntotal: 12 EUR\n", output)
assert(errors == "not an order: ???\n", errors)
assert(home == nil, "the environment of the process must not show in a box")
assert(table.concat(asked, " ") == "CURRENCY HOME")
assert(cleaned == 3, "each cleaner is called once")

io.write("stdout, through the host's writer:\n", output)
io.write("stderr, through the host's writer:\n", errors)
io.write("environment asked for: ", table.concat(asked, ", "), "\n")
