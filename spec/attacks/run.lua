-- Runs the attacks, each in a host process of its own: `lua5.4 spec/attacks/run.lua [names]`. A name is an attack's
-- number or any part of its file name. The library comes from LUA_CPATH, else from build/<lua>/.
local dir = arg[0]:match("^(.*/)") or "./"
local header = dofile(dir .. "header.lua")
local runner = dofile(dir .. "runner.lua")
local SECONDS = 120

local function wanted(name)
  if #arg == 0 then return true end
  for _, part in ipairs(arg) do
    if part:find("^%d+$") then
      if tonumber(part) == tonumber(name:match("^%d+")) then return true end
    elseif name:find(part, 1, true) then
      return true
    end
  end
  return false
end

-- A box that got at the host's own stdout cannot know this word, so it cannot pass for the host.
local word = ("%d.%d.%s"):format(os.time(), math.floor(os.clock() * 1e6), tostring({}):match("0x(%x+)"))

local function verdict(code, output)
  local killed = runner.killed(code, SECONDS)
  if killed then return false, killed end
  local said, rest = nil, {}
  for line in output:gmatch("[^\n]+") do
    local text = line:sub(1, #word + 1) == word .. " " and line:sub(#word + 2)
    if text then said = text else rest[#rest + 1] = line end
  end
  if output:find("ESCAPED", 1, true) and #rest > 0 then return false, "ESCAPED in the process' own output" end
  if said and said:find("^failed ") then return false, said:sub(8) end
  if code ~= 0 then return false, "exit code " .. code end
  if not said then return false, "ended without a verdict" end
  if #rest > 0 then return false, "output past the box's streams" end
  local passed, text = said:match("^(%l+) (.*)$")
  return passed == "passed", text
end

local passed, failed, worst, worst_name = 0, 0, 0, "none"
local function run(name)
  if not header.runs_on(header.read(dir .. name .. ".lua"), runner.version) then
    print("-        " .. name .. ": not for this version")
    return
  end
  local output, code = runner.run(dir .. "../../", "ulimit -c 0;", SECONDS, dir .. "child.lua", name, word)
  local ok, text = verdict(code, output)
  print((ok and "passed   " or "FAILED   ") .. name .. ": " .. text)
  if ok then
    passed = passed + 1
    local over = tonumber(text:match("(%-?[%d.]+) ms over")) or 0
    if over > worst then worst, worst_name = over, name end
  else
    failed = failed + 1
    for line in output:sub(-1500):gmatch("[^\n]+") do
      if line:sub(1, #word) ~= word then print("         | " .. line) end
    end
  end
end

local attacks = runner.names(dir, "^%d+%-.*%.lua$")
for i, file in ipairs(attacks) do attacks[i] = file:match("^(.*)%.lua$") end
header.sort(attacks)
for _, name in ipairs(attacks) do
  if wanted(name) then run(name) end
  io.stdout:flush()
end

if passed + failed == 0 then
  print("no such attack")
  failed = 1
end
print(("longest time over a limit: %.0f ms (%s)"):format(worst, worst_name))
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
