-- 10,000 boxes made and dropped, and 10,000 made and closed: memory, mappings and files return to where they were.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function settle()
  for _ = 1, 4 do collectgarbage() end
end

local function closed(n)
  for i = 1, n do
    local box = sandbox.new()
    if i % 100 == 0 then host.equal(box:dostring("return ...", i), i, "result") end
    box:close()
  end
end

local function dropped(n)
  for i = 1, n do
    local box = sandbox.new()
    if i % 100 == 0 then host.equal(box:dostring("return ...", i), i, "result") end
  end
end

closed(200)
dropped(200)
settle()
local rss, maps, fds, threads = host.rss(), host.maps(), host.fds(), host.threads()

local function level(what, most_maps)
  settle()
  local more = host.rss() - rss
  assert(more < 48 * 1024, ("%s: %d KB more resident"):format(what, more))
  assert(host.maps() - maps < most_maps, ("%s: %d mappings more"):format(what, host.maps() - maps))
  host.equal(host.fds(), fds, what .. ": open files")
  host.equal(host.threads(), threads, what .. ": threads")
end

closed(10000)
level("closed", 400)
-- slots that were mapped may be kept for reuse, far from the 65,530 mappings of a process; a second time adds none
dropped(10000)
level("dropped", 8000)
maps = host.maps()
dropped(10000)
level("dropped again", 400)

-- a thousand alive at once, then let go
local function thousand()
  local many = {}
  for i = 1, 1000 do many[i] = sandbox.new() end
  for i = 1, 1000 do host.equal(many[i]:dostring("return ...", i), i, "one of a thousand") end
end
thousand()
level("a thousand at once", 8000)
maps = host.maps()
thousand()
level("a thousand again", 400)

host.done()
