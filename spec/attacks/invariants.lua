-- What a host must find unchanged after it has run a box: its globals and libraries, the string metatable, its hook, locale,
-- time zone and random numbers. `take()` notes all, `compare(noted, fail)` tells what has changed.
local invariants = {}

local function tables_of()
  local list = { _G = _G, ["package.loaded"] = package.loaded, ["string metatable"] = getmetatable("") }
  local file = getmetatable(io.stdout)
  list["file metatable"] = file
  list["file methods"] = type(file.__index) == "table" and file.__index or {}
  for _, name in ipairs { "string", "table", "math", "io", "os", "coroutine", "debug", "package" } do list[name] = _G[name] end
  return list
end

local function contents()
  local all = {}
  for name, t in pairs(tables_of()) do
    for k, v in pairs(t) do all[name .. "." .. tostring(k)] = v end
  end
  return all
end

-- the host's own generator, seeded: what it must give next, whatever a box draws or seeds meanwhile
local function draws()
  math.randomseed(20240229)
  local list = {}
  for i = 1, 8 do list[i] = math.random(1000000) end
  math.randomseed(20240229)
  for i = 1, 4 do assert(math.random(1000000) == list[i], "the host's generator is not repeatable") end
  return list
end

local function spin()
  local x = 0
  for i = 1, 200000 do x = (x + i) % 7 end
  return x
end
-- compiled code sees no hook
if rawget(_G, "jit") then require("jit").off(spin) end

local ticks = 0
local function hook() ticks = ticks + 1 end

function invariants.take()
  debug.sethook(hook, "", 10000)
  return {
    contents = contents(),
    draws = draws(),
    locale = os.setlocale(nil),
    zone = os.date("%Z %H", 86400 * 180),
    main = coroutine.running() or false,
  }
end

function invariants.compare(noted, fail)
  local now = contents()
  for name, v in pairs(noted.contents) do
    if now[name] ~= v and name ~= "_G._" then fail("the host's " .. name .. " has changed") end
  end
  for name in pairs(now) do
    if noted.contents[name] == nil then fail("the host has got a new " .. name) end
  end
  for i = 5, 8 do
    if math.random(1000000) ~= noted.draws[i] then
      fail "the host's random numbers were disturbed"
      break
    end
  end
  if os.setlocale(nil) ~= noted.locale then fail("the locale is now " .. tostring(os.setlocale(nil))) end
  if os.date("%Z %H", 86400 * 180) ~= noted.zone then fail "the time zone has changed" end
  if (coroutine.running() or false) ~= noted.main then fail "the host runs on another coroutine" end

  local f, mask, count = debug.gethook()
  if f ~= hook or mask ~= "" or count ~= 10000 then fail "the host's hook was changed" end
  local before = ticks
  spin()
  if ticks == before then fail "the host's hook no longer runs" end
end

return invariants
