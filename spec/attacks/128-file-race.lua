-- class: escape
-- correct: a directory that is swapped for a link while a name is looked up leads nowhere else
-- expect: held
-- versions: all
-- limits: cpu=1.5
-- files: tree, racing
-- note: the other process swaps the directory some hundred times a second

local opened, refused = 0, 0
local last = os.time() + 2
while os.clock() < 0.5 and os.time() < last do
  for _, mode in ipairs { "r", "a", "r+", "w" } do
    for _, name in ipairs { "swap/file", "read/swap/file", "swap/deeper/../file" } do
      local f = io.open(name, mode)
      if f then
        opened = opened + 1
        local text = f:read("*a")
        if text and text:find("secret", 1, true) then print("ESCAPED: read what is outside by " .. name) end
        if mode ~= "r" then f:write("inside\n") end
        f:close()
      else
        refused = refused + 1
      end
    end
  end
  local chunk, message = loadfile("swap/file")
  if not chunk and message:find("secret", 1, true) then print("ESCAPED: " .. message) end
end
assert(opened > 0, "nothing was opened")
print "HELD"
