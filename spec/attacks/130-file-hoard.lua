-- class: host
-- correct: no more files are open at once than the limit says, however they are kept, lost or opened
-- expect: held
-- versions: all
-- boxes: 4
-- files: tree

local which = ...
local kept, most = {}, 0
local function open() return io.open("file", "a+") end
local function count()
  local n = 0
  for _, f in pairs(kept) do if io.type(f) == "file" then n = n + 1 end end
  most = math.max(most, n)
end
if which == 1 then
  for i = 1, 300 do kept[i] = open() or nil end
elseif which == 2 then
  for i = 1, 300 do
    local co = coroutine.wrap(function() local f = open() coroutine.yield(f) return f end)
    kept[#kept + 1] = co() or nil
    kept[co] = "no file"
  end
elseif which == 3 then
  -- lost while they are opened, and opened while others are collected
  local again
  local function again_later()
    local holder = setmetatable({}, { __gc = function() if again then kept[#kept + 1] = open() or nil again_later() end end })
    return holder
  end
  again = again_later
  for _ = 1, 100 do again_later() open() end
  again = nil
else
  for i = 1, 300 do
    local ok, lines = pcall(io.lines, "file")
    if ok then lines() end
    kept[i] = open() or nil
    pcall(io.input, "file")
    pcall(io.output, "dir/file")
  end
end
count()
if most > 16 then print("ESCAPED: " .. most .. " files open") end
for _, f in pairs(kept) do if io.type(f) == "file" then f:close() end end
print "HELD"
