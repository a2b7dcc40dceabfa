-- Waits in Rome until coffee is free.

depart(function()
    travel("rome")
    repeat
        local price = ask("coffee")
    until price == 0
    travel("oslo")
    return "free coffee in rome"
end)
