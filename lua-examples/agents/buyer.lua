-- Asks for the price of coffee all over the world.

depart(function()
    local offers, best = {}, nil
    for _, place in ipairs({ "oslo", "rome", "lima" }) do
        travel(place)
        local price = ask("coffee")
        offers[#offers + 1] = place .. " " .. price
        if not best or price < best.price then
            best = { price = price, place = place }
        end
    end
    travel("oslo")
    return table.concat(offers, ", ") .. ": buy in " .. best.place
end)
