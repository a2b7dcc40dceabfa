-- What a run answers: a stream of frames, each `name length`, a newline, so many bytes, a newline. Programs may write any bytes
-- at all; a length needs no escapes, and what is cut in the middle of a character stays whole for the reader.

local frames = {}

-- How much may wait, and for how long in seconds, while a program runs: one system call per write would let a program that
-- writes byte by byte hold the worker longer than its own cpu limit does.
local ROOM, PATIENCE = 4096, 0.05

local function frame(name, payload)
    return name .. " " .. #payload .. "\n" .. payload .. "\n"
end

-- `fields` as lines of `name value`, in order.
local function lines(fields)
    local text = {}
    for i = 1, #fields, 2 do
        text[#text + 1] = fields[i] .. " " .. tostring(fields[i + 1])
    end
    return table.concat(text, "\n")
end

--- A writer of frames onto the answer of this request. `usage` gives what the program has used, as fields; it goes along with
-- whatever is sent.
function frames.writer(usage)
    local pending, size, name, last = {}, 0, nil, ngx.now()
    local self = {}

    local function pack()
        if size > 0 then
            ngx.print(frame(name, table.concat(pending)))
            pending, size = {}, 0
        end
    end

    --- Sends what there is. `wait` lets others run until the client's side has taken it; not for use in a stream's callback.
    function self.send(wait)
        pack()
        ngx.print(frame("usage", lines(usage())))
        last = ngx.now()
        return ngx.flush(wait)
    end

    --- A piece of output, sent soon.
    function self.piece(kind, bytes)
        if kind ~= name then
            pack()
            name = kind
        end
        pending[#pending + 1] = bytes
        size = size + #bytes
        ngx.update_time()
        if size >= ROOM or ngx.now() - last >= PATIENCE then
            self.send(false)
        end
    end

    --- A frame of its own: a string, or fields.
    function self.whole(kind, payload)
        pack()
        ngx.print(frame(kind, type(payload) == "table" and lines(payload) or payload))
    end

    return self
end

frames.lines = lines

return frames
