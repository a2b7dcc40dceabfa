-- Runs the cases of the careless host, each in a process of its own: `lua5.4 spec/attacks/host/run.lua [names]`.
-- A name is a case's number or any part of its file name. The library comes from LUA_CPATH, else from build/<lua>/.
local dir = arg[0]:match("^(.*/)") or "./"
local version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")

local lowest = 0
while arg[lowest - 1] do lowest = lowest - 1 end
local interpreter = arg[lowest]

local function shell(command)
  local pipe = assert(io.popen(command, "r"))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function cases()
  local names = {}
  for name in shell("ls " .. quote(dir)):gmatch("[^\n]+") do
    if name:find("^%d%d%-.*%.lua$") then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function wanted(name)
  if #arg == 0 then return true end
  for _, part in ipairs(arg) do
    if name:find(part, 1, true) == 1 or (not part:find("^%d+$") and name:find(part, 1, true)) then return true end
  end
  return false
end

local signals = { [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL", [11] = "SIGSEGV",
  [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM" }

local function verdict(code, output)
  if code == 124 or code == 137 then return "failed", "timeout (or killed) after 240 s" end
  if code > 128 then return "failed", "signal " .. (signals[code - 128] or tostring(code - 128)) end
  if code ~= 0 then return "failed", "exit code " .. code end
  local last = output:match("([^\n]*)\n*$")
  if last == "ok" then return "passed" end
  local reason = last:match("^pending: (.+)$")
  if reason then return "pending", reason end
  return "failed", "ended without saying ok"
end

-- the host's own cpath first, then where `make build` leaves the library and the C helpers
local cpath = package.cpath .. ";" .. dir .. "../../../build/" .. version .. "/?.so"
if not os.getenv("LUA_CPATH") then cpath = dir .. "../../../build/" .. version .. "/?.so;" .. package.cpath end
-- LUA_CPATH_5_x would hide LUA_CPATH
local environment = "-u LUA_CPATH_5_2 -u LUA_CPATH_5_3 -u LUA_CPATH_5_4 LUA_CPATH=" .. quote(cpath)

local count = { passed = 0, failed = 0, pending = 0 }
for _, name in ipairs(cases()) do
  if wanted(name) then
    local command = ("env %s timeout -k 5 240 %s %s </dev/null 2>&1; echo \"exit:$?\"")
      :format(environment, quote(interpreter), quote(dir .. name))
    local all = shell("{ " .. command .. "; } 2>&1")
    local output, code = all:match("^(.*)exit:(%d+)%s*$")
    local result, why = verdict(tonumber(code) or 255, output or all)
    count[result] = count[result] + 1
    if result == "passed" then
      print("passed   " .. name)
    else
      print(("%-8s %s: %s"):format(result, name, why))
      if result == "failed" then
        for line in (output or all):sub(-2000):gmatch("[^\n]+") do print("         | " .. line) end
      end
    end
    io.stdout:flush()
  end
end

if count.pending > 0 then print(count.pending .. " pending") end
if count.passed + count.failed + count.pending == 0 then
  print("no such case")
  count.failed = 1
end
print(("%d passed, %d failed"):format(count.passed, count.failed))
os.exit(count.failed == 0 and 0 or 1)
