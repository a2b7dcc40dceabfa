-- class: memory
-- correct: library functions called at the brim of the memory limit raise plain errors: no panic, no abort
-- expect: held|memory|stop cpu
-- versions: all
-- note: mlua issue 733: growing its auxiliary stack under a memory limit panicked; tables for the calls are made
--   outside of pcall, so the call may end by memory

local hoard, n, size = {}, 0, 4194304
local brim = 150                      -- gives up after 150 * 4 MB if there is no limit
while size >= 16 do
  local ok = pcall(function()
    n = n + 1
    hoard[n] = ("h"):rep(size) .. n
  end)
  if ok and size == 4194304 then brim = brim - 1 end
  if not ok or brim == 0 then size = math.floor(size / 2) brim = 1 end
  if ok and size < 4194304 then size = math.floor(size / 2) end
end
local function poke(f, ...) if type(f) == "function" then pcall(f, ...) end end
local compile = loadstring or load
for i = 1, 300 do
  poke(tostring, {}) poke(tostring, i + 0.5)
  poke(compile, "return {" .. i .. "}")
  poke(coroutine.create, poke) poke(coroutine.wrap, poke)
  poke(setmetatable, {}, {})
  poke(error, { i })
  poke(string.format, "%s %d %q", "a", i, "b")
  poke(string.gsub, "abcdef", ".", "%0%0")
  poke(string.rep, "ab", 100)
  poke(table.concat, { 1, 2, 3 }, ";")
  poke(type(os) == "table" and os.date) poke(type(os) == "table" and os.getenv, "NOPE")
  poke(type(io) == "table" and io.write, "") poke(type(io) == "table" and io.read, 0)
  poke(type(debug) == "table" and debug.traceback, "t")
  poke(require, "nothing" .. i) poke(dofile, "/nonexistent") poke(loadfile, "/nonexistent")
  poke(xpcall, error, tostring)
  poke(coroutine.resume, coroutine.running())
end
hoard = nil
print "HELD"
