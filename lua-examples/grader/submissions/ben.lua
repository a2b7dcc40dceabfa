local lines, words, bytes = 0, 0, 0
for line in io.lines() do
    lines, bytes = lines + 1, bytes + #line + 1
    for _ in line:gmatch("%S+") do
        words = words + 1
    end
end
io.write(lines, " ", words, " ", bytes, "\n")
