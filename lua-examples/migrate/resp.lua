-- A client for Redis: RESP, the protocol that it speaks, over a Unix socket.

local Redis = {}
Redis.__index = Redis

-- The connection, or nil and a message.
function Redis.connect(path)
    local socket = require("socket.unix").stream()
    local ok, message = socket:connect(path)
    if not ok then
        return nil, message
    end
    socket:settimeout(30)
    return setmetatable({ socket = socket }, Redis)
end

local function reply(socket)
    local line = assert(socket:receive("*l"))
    local kind, rest = line:sub(1, 1), line:sub(2)
    if kind == "+" then
        return rest
    elseif kind == "-" then
        error("redis: " .. rest, 0)
    elseif kind == ":" then
        return tonumber(rest)
    elseif rest == "-1" then
        return nil
    elseif kind == "$" then
        local text = assert(socket:receive(tonumber(rest) + 2))
        return text:sub(1, -3)
    end
    assert(kind == "*", "redis: " .. line)
    local list = { n = tonumber(rest) }
    for i = 1, list.n do
        list[i] = reply(socket)
    end
    return list
end

-- Sends a command; gives what it answers: a string, a number, nil, or a list of those. An error is raised.
function Redis:call(...)
    local parts = { "*" .. select("#", ...) .. "\r\n" }
    for _, word in ipairs({ ... }) do
        word = tostring(word)
        parts[#parts + 1] = "$" .. #word .. "\r\n" .. word .. "\r\n"
    end
    assert(self.socket:send(table.concat(parts)))
    return reply(self.socket)
end

-- The server leaves without an answer.
function Redis:shutdown()
    self.socket:send("*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
    self.socket:close()
end

return Redis
