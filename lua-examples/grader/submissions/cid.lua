-- Forgets that two blanks stand between no word.
local text = io.read("*a")
local _, lines = text:gsub("\n", "")
local _, blanks = text:gsub("%s", "")
print(lines, blanks, #text)
