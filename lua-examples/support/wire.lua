-- Messages over a TCP connection: a kind and a text, each with its length before it.

local process = require("support.process")
local found, socket = pcall(require, "socket.core")
if not found then
    process.pending("lua-socket is not installed for this Lua")
end

local wire = {}

local MAX = 64 * 2 ^ 20
local PATIENCE = 30 -- seconds, then it is an error

-- A socket that listens on a free port, and the port.
function wire.listen()
    local server = assert(socket.tcp())
    assert(server:bind("0.0.0.0", 0))
    assert(server:listen(8))
    server:settimeout(PATIENCE)
    local _, port = server:getsockname()
    return server, port
end

local function receive_text(connection)
    local length = assert(tonumber((assert(connection:receive(8)))), "no length")
    assert(length <= MAX, "the message is too long")
    return length == 0 and "" or assert(connection:receive(length))
end

local function send_text(connection, text)
    assert(connection:send(("%08d"):format(#text) .. text))
end

-- Waits for a message; gives its kind, its text, and a function that sends the answer.
function wire.receive(server)
    local connection = assert(server:accept())
    connection:settimeout(PATIENCE)
    local kind, text = receive_text(connection), receive_text(connection)
    return kind, text, function(answer)
        send_text(connection, answer)
        connection:close()
    end
end

-- Sends a message; gives the answer.
function wire.send(address, port, kind, text)
    local connection = assert(socket.tcp())
    connection:settimeout(PATIENCE)
    assert(connection:connect(address, port))
    send_text(connection, kind)
    send_text(connection, text)
    local answer = receive_text(connection)
    connection:close()
    return answer
end

return wire
