-- 200 requests at once, every other one an endless loop.
local check = require("check")
local server = require("server")
local shell = require("shell")

local CROWD = 200
local LOOPS = { "while true do end", "while true do pcall(error) end", 'local s = ("a"):rep(40) s:find(("a?"):rep(40) .. s)',
  "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end" }

local folder = shell.temporary .. "/crowd"

local function program(i)
  if i % 2 == 0 then return LOOPS[i / 2 % #LOOPS + 1] end
  -- An honest one computes a little, writes, and sleeps in between.
  return ("local n = 0 for i = 1, %d do n = n + i end print(n) sleep(0.1) print('done')"):format(i)
end

check.case(CROWD .. " programs at once, half of them endless: the honest ones are answered, the workers live", function()
  local before, count = server.workers()
  check.truth(count >= 4, "too few workers: " .. before)
  shell.run("mkdir -p " .. folder)
  local config = {}
  for i = 1, CROWD do
    shell.write(("%s/%d.lua"):format(folder, i), program(i))
    config[i] = ('url = "%srun"\nheader = "Content-Type: text/x-lua"\ndata-binary = "@%s/%d.lua"\noutput = "%s/%d.out"\n')
      :format(server.address, folder, i, folder, i)
  end
  shell.write(folder .. "/config", table.concat(config, "next\nmax-time = 240\n"))
  local started = os.time()
  local said = shell.run(("curl --no-progress-meter --parallel --parallel-immediate --parallel-max %d -K %s/config 2>&1")
    :format(CROWD, folder))
  local honest, stopped, wrong = 0, 0, {}
  for i = 1, CROWD do
    local ok, result = pcall(server.result, shell.read(("%s/%d.out"):format(folder, i)) or "no answer")
    if not ok then
      wrong[#wrong + 1] = i .. ": " .. tostring(result)
    elseif i % 2 == 1 and result.stdout == ("%d\ndone\n"):format(i * (i + 1) / 2) and not result.error then
      honest = honest + 1
    elseif i % 2 == 0 and result["end"] and result["end"].limit == "cpu" then
      stopped = stopped + 1
    else
      wrong[#wrong + 1] = ("%d: %s %s"):format(i, result.stdout, result.error)
    end
  end
  print(("        %d honest answered, %d endless stopped, in %d s by %d workers"):format(honest, stopped, os.time() - started, count))
  check.truth(honest == CROWD / 2 and stopped == CROWD / 2, said .. table.concat(wrong, "\n", 1, math.min(#wrong, 5)))
  check.equal(before, (server.workers()), "workers before and after")
  check.truth(not server.log():find("exited on signal", 1, true), "a worker crashed:\n" .. server.log())
  check.equal("still here\n", server.run('print("still here")').stdout)
end)
