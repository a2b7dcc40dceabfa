-- class: crash
-- correct: a file that is cut and filled while it is read gives what is there, or its end
-- expect: held
-- versions: all
-- limits: cpu=1.5
-- files: tree, racing

local f = assert(io.open("shrinking"))
local n = 0
local last = os.time() + 2
while os.clock() < 0.3 and os.time() < last do
  f:seek("set", n % 3 * 5)
  for _, format in ipairs { "*l", "*n", "*a", 1, 4096, 0, 100000 } do
    local text = f:read(format)
    if type(text) == "string" and text:gsub("inside\n?", ""):gsub("[inside\n%z]", "") ~= "" then print("ESCAPED: " .. text:sub(1, 50)) end
  end
  f:seek("end", -7)
  f:read("*a")
  for line in io.lines("shrinking") do n = n + #line end
  loadfile("shrinking")
  n = n + 1
end
print "HELD"
