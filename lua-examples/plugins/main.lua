-- Plugins look at a real text, line by line, while their files are changed under them (see host.lua):
--   lua5.4 lua-examples/plugins/main.lua [FILE]

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local PluginHost = require("host")

local text = arg[1] or "/usr/share/common-licenses/GPL-3"

local function quoted(s)
    return "'" .. s:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
    local pipe = assert(io.popen(command))
    local output = pipe:read("*a")
    pipe:close()
    return (output:gsub("%s+$", ""))
end

-- A directory of our own, in which the plugins can be changed.
local directory = output_of("mktemp -d")
assert(directory ~= "", "mktemp made no directory")

local function install(from, name)
    output_of(("cp %s %s"):format(quoted(here .. "/" .. from), quoted(directory .. "/" .. name)))
end

local function log(plugin, message)
    print(plugin .. ": " .. message)
end

local host = PluginHost.new(directory, log)
install("first/links.lua", "links.lua")
install("first/longest.lua", "longest.lua")
host:scan()

-- What happens to the files, by the number of the line before which it does.
local changes = {
    [100] = function()
        install("later/links.lua", "links.lua")
    end,
    [200] = function()
        install("later/longest.lua.txt", "longest.lua")
    end,
    [300] = function()
        install("later/spin.lua", "spin.lua")
    end,
}

local number = 0
for line in io.lines(text) do
    number = number + 1
    if changes[number] then
        print("before line " .. number .. ":")
        changes[number]()
        host:scan()
    end
    host:event("line", line)
end

local reports = host:event("report")
local spun = host.plugins.spin and host.plugins.spin.off
host:close()
output_of("rm -r " .. quoted(directory))

print("in the end:")
for _, name in ipairs({ "links", "longest" }) do
    log(name, reports[name])
end

-- The same by grep and awk: no line was lost while the plugins changed.
local links = output_of("grep -oE 'https?://' " .. quoted(text) .. " | wc -l")
local longest = output_of("LC_ALL=C awk '{ if (length > n) n = length } END { print n + 0 }' " .. quoted(text))
assert(number > 300, "a text of more than 300 lines, please")
assert(tonumber(reports.links:match("^%d+")) == tonumber(links), reports.links .. ", grep says " .. links)
assert(reports.longest == "longest line: " .. longest, reports.longest .. ", awk says " .. longest)
assert(spun and reports.spin == nil, "a plugin that was stopped is off")
