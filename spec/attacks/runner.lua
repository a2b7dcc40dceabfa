-- What the two runners share: this directory's (run.lua) and that of the careless host (host/run.lua). Each case is a process of the
-- interpreter that runs the runner.
local runner = {}

runner.version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")

function runner.quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
local quote = runner.quote

local function shell(command)
  local pipe = assert(io.popen(command, "r"))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

--- The names in a directory that match a pattern.
function runner.names(dir, pattern)
  local names = {}
  for name in shell("ls " .. quote(dir)):gmatch("[^\n]+") do
    if name:find(pattern) then names[#names + 1] = name end
  end
  return names
end

local lowest = 0
while arg[lowest - 1] do lowest = lowest - 1 end
local interpreter = quote(arg[lowest])

--- Runs a script with these words, for so many seconds at most; gives what it wrote, to stdout and stderr, and its exit code. `before`
-- is shell code that goes in front. The library comes from LUA_CPATH, else from `root`/build/<lua>/, where `make build` leaves it and the
-- C helpers.
function runner.run(root, before, seconds, ...)
  local built = root .. "build/" .. runner.version .. "/?.so"
  local cpath = os.getenv("LUA_CPATH") and package.cpath .. ";" .. built or built .. ";" .. package.cpath
  local words = {}
  for i, word in ipairs { ... } do words[i] = quote(word) end
  -- LUA_CPATH_5_x would hide LUA_CPATH
  local all = shell(("{ %s env -u LUA_CPATH_5_2 -u LUA_CPATH_5_3 -u LUA_CPATH_5_4 LUA_CPATH=%s timeout -k 5 %d %s %s </dev/null; "
    .. "echo \"exit:$?\"; } 2>&1"):format(before, quote(cpath), seconds, interpreter, table.concat(words, " ")))
  local output, code = all:match("^(.*)exit:(%d+)%s*$")
  return output or all, tonumber(code) or 255
end

local signals = { [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL", [11] = "SIGSEGV",
  [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM" }

--- How a process ended that did not end by itself; nil of any other.
function runner.killed(code, seconds)
  if code == 124 or code == 137 then return "timeout (or killed) after " .. seconds .. " s" end
  if code > 128 then return "signal " .. (signals[code - 128] or tostring(code - 128)) end
end

return runner
