-- The playground as the test starts it, and what it answers.
local shell = require("shell")

local server = { home = shell.temporary .. "/home" }
local quote = shell.quote

function server.start()
  math.randomseed(os.time() + tonumber((tostring({}):match("0x(%x+)") or "0"):sub(-6), 16))
  local log = shell.temporary .. "/start.log"
  for _ = 1, 5 do
    local port = math.random(20000, 40000)
    local pid = shell.start(("exec scripts/playground -p %d -d %s"):format(port, quote(server.home)), log)
    shell.wait("the playground to start", function()
      return (shell.read(log) or ""):find("http://", 1, true) or not shell.alive(pid)
    end)
    server.address = (shell.read(log) or ""):match("http://[%d.:]+/")
    if server.address then
      server.pid = pid
      return
    end
  end
  error("the playground does not start:\n" .. shell.read(log), 0)
end

-- Sends a request; gives the body, the status and the headers. `options` are curl's.
function server.request(path, options)
  local headers = shell.temporary .. "/headers"
  local body = shell.run(("curl -s -m 120 -D %s %s %s"):format(quote(headers), options or "", quote(server.address .. path)))
  local text = shell.read(headers) or ""
  return body, tonumber(text:match("^HTTP/%S+ (%d+)")), text:lower()
end

-- The frames of an answer, as a list of { name, payload }; raises where they are not well formed.
function server.frames(body)
  local list, at = {}, 1
  while at <= #body do
    local name, length, start = body:match("^(%l+) (%d+)\n()", at)
    assert(name, "no frame: " .. body:sub(at, at + 40))
    length = tonumber(length)
    assert(body:sub(start + length, start + length) == "\n", "a frame is cut off: " .. name)
    list[#list + 1] = { name, body:sub(start, start + length - 1) }
    at = start + length + 1
  end
  return list
end

-- All that a run said: output by stream, the last of every other frame, and the fields of `usage` and `end`.
function server.result(body)
  local result = { stdout = "", stderr = "", order = {} }
  for _, frame in ipairs(server.frames(body)) do
    local name, payload = frame[1], frame[2]
    result.order[#result.order + 1] = name
    if name == "stdout" or name == "stderr" then
      result[name] = result[name] .. payload
    elseif name == "usage" or name == "end" then
      result[name] = {}
      for key, value in (payload .. "\n"):gmatch("(%S+) ([^\n]*)\n") do result[name][key] = tonumber(value) or value end
    else
      result[name] = payload
    end
  end
  return result
end

function server.run(program)
  local file = shell.temporary .. "/program.lua"
  shell.write(file, program)
  local body, status = server.request("run", "-H 'Content-Type: text/x-lua' --data-binary @" .. quote(file))
  assert(status == 200, "status " .. tostring(status) .. ": " .. body)
  return server.result(body)
end

-- The workers' processes, in order.
function server.workers()
  local master = assert(tonumber(shell.read(server.home .. "/nginx.pid")))
  local pids = {}
  for pid in shell.run(("cat /proc/%d/task/%d/children"):format(master, master)):gmatch("%d+") do pids[#pids + 1] = tonumber(pid) end
  table.sort(pids)
  return table.concat(pids, " "), #pids
end

function server.log()
  return shell.read(server.home .. "/error.log") or ""
end

return server
