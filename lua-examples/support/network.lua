-- Network namespaces for examples: each process in one of its own, joined to the others by virtual cables.

local process = require("support.process")
local shell = process.shell

local network = {}

-- An ordinary user may do this within a user namespace, if the kernel lets them.
local function unshare()
    return shell("id -u") == "0" and "unshare -n " or "unshare -rn "
end

-- Runs this script again in a network namespace of its own, where it may lay cables, and ends with its status. Where that can't be, it
-- goes on here, says so, and the processes meet on the loopback interface.
function network.enter(script)
    if os.getenv("SAFELUA_EXAMPLE_NETWORK") == "own" then
        network.own = true
        assert(select(2, shell("ip link set lo up")))
        return
    end
    local said, ok = shell(unshare() .. "ip link add one type veth peer name other 2>&1 </dev/null")
    if ok then
        -- A number in Lua 5.1, true or nil and two more in the others.
        local done, _, status = os.execute("SAFELUA_EXAMPLE_NETWORK=own " .. unshare() .. process.lua(script))
        os.exit((done == true or done == 0) and 0 or status or 1)
    end
    print("no network namespaces here (" .. said:match("[^\n]*") .. "): processes on the loopback interface instead")
end

-- The command for a process that is to have a namespace of its own.
function network.isolated(command)
    return network.own and "unshare -n " .. command or command
end

local cables = 0

-- Joins two of them; the address of the first as the second sees it, and of the second as the first does.
function network.join(a, b)
    if not network.own then
        return "127.0.0.1", "127.0.0.1"
    end
    cables = cables + 1
    local at_a, at_b = ("10.77.%d.1"):format(cables), ("10.77.%d.2"):format(cables)
    local said, ok = shell(([[{
        ip link add cable%d netns %d type veth peer name cable%d netns %d &&
        nsenter -t %d -n sh -c 'ip addr add %s/24 dev cable%d && ip link set cable%d up' &&
        nsenter -t %d -n sh -c 'ip addr add %s/24 dev cable%d && ip link set cable%d up'
    } 2>&1]]):format(cables, a.pid, cables, b.pid, a.pid, at_a, cables, cables, b.pid, at_b, cables, cables))
    assert(ok, said)
    return at_a, at_b
end

-- The namespace of this process, as the kernel names it.
function network.name()
    return (shell("readlink /proc/self/ns/net"))
end

return network
