-- Whether boxes can be saved here and restored in other processes; and the keys that their images are signed by.

local sandbox = require("sandbox")
local process = require("support.process")

local copies = {}

-- LuaJIT can't restore an image in another process: what the library says of that is why the example is pending there.
function copies.needed(here)
    if not rawget(_G, "jit") then
        return
    end
    local box = sandbox.new()
    local image = box:save({ key = "probe" })
    box:close()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    assert(file:write(image))
    assert(file:close())
    local said, ok = process.shell(process.lua(here .. "/../support/elsewhere.lua", path, "probe") .. " 2>&1")
    os.remove(path)
    assert(ok, said)
    if said ~= "restored" then
        assert(said:find("LuaJIT", 1, true), said)
        process.pending(said)
    end
end

-- A new secret, in a file that nobody else may read.
function copies.new_key(path)
    local _, ok = process.shell(("umask 077; head -c 32 /dev/urandom >%s"):format(process.quoted(path)))
    assert(ok, "no key could be made")
    return copies.key(path)
end

function copies.key(path)
    local key = assert(process.content(path))
    assert(#key == 32, path .. " is no key")
    return key
end

return copies
