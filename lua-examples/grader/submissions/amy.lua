local text = io.read("*a")
local _, lines = text:gsub("\n", "")
local _, words = text:gsub("%S+", "")
print(lines, words, #text)
