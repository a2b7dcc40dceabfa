--- What numbers on the command line mean: `64M`, `1.5s`, `1e9`, and how such amounts are shown.

local units = {}

local SIZES = { [""] = 1, K = 2 ^ 10, M = 2 ^ 20, G = 2 ^ 30, T = 2 ^ 40 }
local SECONDS = { [""] = 1, s = 1, ms = 1e-3, us = 1e-6, m = 60, min = 60, h = 3600 }
local COUNTS = { [""] = 1, K = 1e3, M = 1e6, G = 1e9 }

-- A decimal number (no hexadecimal, no inf, no nan) and the letters after it.
local function split(text)
    local number, unit = text:match("^%s*([%d.]+)%s*(%a*)%s*$")
    local mantissa, exponent, rest = text:match("^%s*([%d.]+)[eE]([+-]?%d+)%s*(%a*)%s*$")
    if mantissa then
        return tonumber(mantissa .. "e" .. exponent), rest
    end
    return number and tonumber(number), unit
end

-- `none` lifts a limit.
local function reader(table_of, normal, whole, what)
    return function(text)
        if text == "none" then
            return math.huge
        end
        local number, unit = split(text)
        local factor = number and table_of[normal(unit)]
        local amount = factor and number * factor
        if not amount or amount == math.huge then
            return nil, ("'%s' is not %s"):format(text, what)
        elseif whole and amount % 1 ~= 0 then
            return nil, ("'%s' is not a whole number"):format(text)
        end
        return amount
    end
end

--- Each gives the amount (in bytes, seconds or things), or nil and what is wrong with the text.
units.size = reader(SIZES, function(unit)
    return (unit:upper():gsub("^(%u)I?B$", "%1"):gsub("^B$", ""))
end, true, "a size: a number of bytes, or with K, M, G or T of 1024 each, such as 64M, or 'none'")

units.seconds = reader(SECONDS, string.lower, false,
    "a time: a number of seconds, or with us, ms, s, m or h, such as 500ms, or 'none'")

units.count = reader(COUNTS, string.upper, true, "a number: such as 16, 1e9 or 10M (10 million), or 'none'")

local function shortest(number)
    return (("%.2f"):format(number):gsub("%.?0+$", ""))
end

--- An amount as it is shown to people.
function units.show_size(bytes)
    for _, unit in ipairs({ { 2 ^ 30, "GB" }, { 2 ^ 20, "MB" }, { 2 ^ 10, "KB" } }) do
        if bytes >= unit[1] then
            return shortest(bytes / unit[1]) .. " " .. unit[2]
        end
    end
    return ("%d bytes"):format(bytes)
end

function units.show_seconds(seconds)
    return ("%.3f s"):format(seconds)
end

function units.show_count(count)
    return ("%.0f"):format(count)
end

return units
