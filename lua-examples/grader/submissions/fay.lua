-- Keeps every beginning of the text.
local text, all = io.read("*a"), {}
for i = 1, #text do
    all[i] = text:sub(1, i)
end
print(#all)
