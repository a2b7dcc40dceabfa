-- Runs the cases of the careless host, each in a process of its own: `lua5.4 spec/attacks/host/run.lua [names]`.
-- A name is a case's number or any part of its file name. The library comes from LUA_CPATH, else from build/<lua>/.
local dir = arg[0]:match("^(.*/)") or "./"
local runner = dofile(dir .. "../runner.lua")
local SECONDS = 240

local function wanted(name)
  if #arg == 0 then return true end
  for _, part in ipairs(arg) do
    if name:find(part, 1, true) == 1 or (not part:find("^%d+$") and name:find(part, 1, true)) then return true end
  end
  return false
end

local function verdict(code, output)
  local killed = runner.killed(code, SECONDS)
  if killed then return "failed", killed end
  if code ~= 0 then return "failed", "exit code " .. code end
  local last = output:match("([^\n]*)\n*$")
  if last == "ok" then return "passed" end
  local reason = last:match("^pending: (.+)$")
  if reason then return "pending", reason end
  return "failed", "ended without saying ok"
end

local count = { passed = 0, failed = 0, pending = 0 }
local cases = runner.names(dir, "^%d%d%-.*%.lua$")
table.sort(cases)
for _, name in ipairs(cases) do
  if wanted(name) then
    local output, code = runner.run(dir .. "../../../", "", SECONDS, dir .. name)
    local result, why = verdict(code, output)
    count[result] = count[result] + 1
    if result == "passed" then
      print("passed   " .. name)
    else
      print(("%-8s %s: %s"):format(result, name, why))
      if result == "failed" then
        for line in output:sub(-2000):gmatch("[^\n]+") do print("         | " .. line) end
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
