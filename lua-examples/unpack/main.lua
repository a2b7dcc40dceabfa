-- Data that unpacks itself: a file and, as safe Lua, what unpacks it. The reader needs no program of the sender's, only limits.

local here = arg[0]:match("^(.*)/") or "."

package.path = here .. "/../?.lua;" .. package.path
local process = require("support.process")

local content, quoted = process.content, process.quoted

-- The command is the one in this checkout.
local SAFELUA = process.lua(here .. "/../../command/bin/safelua") .. " "

-- Runs a line of shell; gives what it wrote on stdout, its exit status and the first line that it wrote on stderr.
local function shell(line)
    local out, err = os.tmpname(), os.tmpname()
    local pipe = assert(io.popen(("{ %s; } >%s 2>%s; echo $?"):format(line, out, err)))
    local status = pipe:read("*n")
    pipe:close()
    local written, complaint = content(out), content(err):match("[^\n]*")
    os.remove(out)
    os.remove(err)
    return written, status, complaint
end

local LIMITS = "--memory 16M --cpu 5s --output 1M "

-- licence.lua was made by `lua pack.lua LICENSE`.
local text, status, complaint = shell(SAFELUA .. LIMITS .. quoted(here .. "/licence.lua"))
assert(status == 0, complaint)
assert(text == content(here .. "/../../LICENSE"), "what was unpacked is not what was packed")
io.write(("licence.lua: %d bytes, unpacked to the LICENSE of %d\n"):format(#content(here .. "/licence.lua"), #text))

-- A larger one, made now.
local GPL, archive = "/usr/share/common-licenses/GPL-3", os.tmpname()
local packed = shell(("%s >%s"):format(process.lua(here .. "/pack.lua", GPL), archive))
assert(packed == "")
text, status, complaint = shell(SAFELUA .. LIMITS .. archive)
assert(status == 0, complaint)
assert(text == content(GPL), "what was unpacked is not what was packed")
assert(#content(archive) < #text, "it is no smaller than what it carries")
print("the GPL: packed smaller than it is, unpacked to the same")
os.remove(archive)

text, status, complaint = shell(SAFELUA .. LIMITS .. quoted(here .. "/bomb.lua"))
assert(status == 125 and #text == 2 ^ 20 and not text:find("[^ha ]"), complaint)
print("a bomb: after 1 MB " .. complaint:match("%d: (.*)"))

text, status, complaint = shell(SAFELUA .. LIMITS .. quoted(here .. "/bomb.lua") .. " memory")
assert(status == 125 and text == "", complaint)
print("a bomb in memory: " .. complaint:match("not enough memory"))
