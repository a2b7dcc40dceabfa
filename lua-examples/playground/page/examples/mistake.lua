-- A name that is missing: the error comes with its line,
-- and with the calls that led there.

local basket = {
    { fruit = { name = "apples" }, price = 3 },
    { fruit = { name = "pears" }, price = 4 },
    { price = 5 },
}

local function label(item)
    return item.fruit.name .. ": " .. item.price .. " EUR"
end

for _, item in ipairs(basket) do
    print(label(item))
end
