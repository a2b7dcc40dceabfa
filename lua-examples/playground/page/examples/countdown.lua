-- Output arrives while the program runs. Sleeping costs no
-- CPU time, and the server runs other programs meanwhile.

for i = 5, 1, -1 do
    print(i .. " …")
    sleep(0.4)
end
print("lift-off")
