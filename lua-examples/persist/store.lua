-- Keeps a box in a directory: its image in `image`, signed by what is in `key`. Whenever the process dies, by whatever means, what is
-- there is one whole image: the last, or the one before.

local copies = require("support.copies")
local process = require("support.process")
local sandbox = require("sandbox")

local Store = {}
Store.__index = Store

-- Has the system write it out, as fsync(2) does, which Lua lacks.
local function sync(path)
    local _, ok = process.shell("sync " .. process.quoted(path) .. " 2>&1")
    return ok
end

-- `reached` is told of each point that is passed on the way.
function Store.open(directory, reached)
    local self = setmetatable({ image = directory .. "/image", directory = directory, reached = reached or function() end }, Store)
    local key = directory .. "/key"
    if not process.content(key) then
        copies.new_key(key .. ".new")
        sync(key .. ".new")
        assert(os.rename(key .. ".new", key))
    end
    self.key = copies.key(key)
    return self
end

-- The box as it was saved last, or nil if none was.
function Store:load(names)
    local image = process.content(self.image)
    return image and sandbox.restore(image, { key = self.key, names = names })
end

function Store:save(box, names)
    local image = box:save({ key = self.key, names = names })
    local half = math.floor(#image / 2)
    local file = assert(io.open(self.image .. ".new", "wb"))
    assert(file:write(image:sub(1, half)))
    assert(file:flush())
    self.reached("half written")
    assert(file:write(image:sub(half + 1)))
    assert(file:close())
    -- The new image must be on the disk before its name is, and the name before anybody is told that the message was taken.
    self.synced = sync(self.image .. ".new")
    self.reached("before the rename")
    assert(os.rename(self.image .. ".new", self.image))
    self.synced = sync(self.directory) and self.synced
    self.reached("after the rename")
end

return Store
