-- Memory runs out as in any Lua: an error like any other.

local function hoard()
    local list = {}
    while true do
        list[#list + 1] = ("x"):rep(1000) .. #list
    end
end

local ok, message = pcall(hoard)
collectgarbage()
print(ok, message)
print("still here, with " .. math.floor(collectgarbage("count")) .. " KB in use")

-- Nobody catches this one.
hoard()
