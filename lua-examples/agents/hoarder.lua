-- Carries off all the coffee of Lima.

depart(function()
    travel("rome")
    travel("lima")
    local sacks = {}
    while true do
        sacks[#sacks + 1] = ("coffee "):rep(1000) .. #sacks
    end
end)
