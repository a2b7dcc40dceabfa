-- The untrusted script: reads text from its stdin, writes its ten most frequent words as `uniq -c` would.

local counts, words = {}, {}

for line in io.lines() do
    for word in line:lower():gmatch("[a-z]+") do
        if not counts[word] then
            counts[word] = 0
            words[#words + 1] = word
        end
        counts[word] = counts[word] + 1
    end
end

-- Words of equal count go by the alphabet, so that the order is the same everywhere.
table.sort(words, function(a, b)
    if counts[a] ~= counts[b] then
        return counts[a] > counts[b]
    end
    return a < b
end)

for rank = 1, math.min(10, #words) do
    print(("%7d %s"):format(counts[words[rank]], words[rank]))
end

return #words
