-- Tells whether an image that another process made can be restored in this one:
--   elsewhere.lua FILE KEY

local sandbox = require("sandbox")

local file = assert(io.open(arg[1], "rb"))
local ok, message = pcall(sandbox.restore, file:read("*a"), { key = arg[2] })
file:close()
io.write(ok and "restored" or message)
