-- Thinks aloud.
for line in io.lines() do
    print("now I read:", line)
end
