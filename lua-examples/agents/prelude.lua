-- What an agent has besides Lua: `depart(journey)` says what it does, `travel(place)` has the rest of it done there, and there
-- `ask(question)` is that place's own.

local agent

function depart(journey)
    agent = coroutine.create(journey)
end

-- In this coroutine alone, which is suspended here while the agent is on its way.
travel = coroutine.yield

-- For the places: the name of the next one, or nil and what the agent brings home.
function go_on()
    local ok, value = coroutine.resume(agent)
    if not ok then
        error(value, 0)
    elseif coroutine.status(agent) == "suspended" then
        return value
    end
    return nil, value
end
