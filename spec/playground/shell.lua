-- Commands, files and processes for the playground's test.
local shell = {}

function shell.quote(s)
  return "'" .. tostring(s):gsub("'", "'\\''") .. "'"
end

-- What a command writes to its stdout, and its exit status.
function shell.run(command)
  local pipe = assert(io.popen(command .. "; echo \"|$?\"", "r"))
  local said = pipe:read("*a")
  pipe:close()
  local output, status = said:match("^(.*)|(%d+)\n$")
  return output or said, tonumber(status)
end

function shell.sleep(seconds)
  shell.run("sleep " .. seconds)
end

function shell.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

function shell.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

shell.temporary = assert(shell.run("mktemp -d /tmp/safelua-playground-test.XXXXXX"):match("%S+"))
-- Workers run as another user.
shell.run("chmod 755 " .. shell.quote(shell.temporary))

local started = {}

-- A command in the background, its output in a file; gives its process.
function shell.start(command, log)
  shell.run(("exec >%s 2>&1 </dev/null; %s & echo $! >%s.pid"):format(shell.quote(log), command, shell.quote(log)))
  local pid = tonumber(shell.read(log .. ".pid"))
  started[#started + 1] = pid
  return pid
end

function shell.alive(pid)
  local _, status = shell.run(("kill -0 %d 2>/dev/null"):format(pid))
  return status == 0
end

function shell.stop(pid)
  shell.run(("kill -TERM %d 2>/dev/null"):format(pid))
  for _ = 1, 300 do
    if not shell.alive(pid) then return true end
    shell.sleep(0.1)
  end
  shell.run(("kill -KILL %d 2>/dev/null"):format(pid))
  return false
end

-- Asks again and again until it is so, or the time is up: generous, as machines may be very busy.
function shell.wait(what, is_so, seconds)
  local ends = os.time() + (seconds or 120)
  repeat
    local answer = is_so()
    if answer then return answer end
    shell.sleep(0.1)
  until os.time() > ends
  error("waited in vain for " .. what, 0)
end

function shell.clean()
  for i = #started, 1, -1 do
    if shell.alive(started[i]) then shell.stop(started[i]) end
  end
  shell.run("rm -rf " .. shell.quote(shell.temporary))
end

return shell
