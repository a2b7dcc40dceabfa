--- `safelua --restore` and `--save-on-exit`: a box out of a file and into one.

local sandbox = require("sandbox")
local options = require("safelua.options")

local image = {}

local function content(option, path)
    local file, message = io.open(path, "rb")
    if not file then
        options.refuse("option '%s': %s", option, message)
    end
    local text, wrong = file:read("*a")
    file:close()
    if not text then
        options.refuse("option '%s': %s: %s", option, path, wrong)
    end
    return text
end

-- The key that the images are signed by, or nil; without the line's end that editors and `echo` add.
local function key(settings)
    if settings.key and not settings.secret then
        settings.secret = content("--key", settings.key):gsub("\r?\n$", "")
        if settings.secret == "" then
            options.refuse("option '--key': %s is empty", settings.key)
        end
    end
    return settings.secret
end

-- Devices are written to; nothing can be renamed over them.
local function is_device(path)
    return path:find("^/dev/") and not path:find("^/dev/shm/")
end

-- A name beside the image, so that renaming is one step; two processes don't meet at it.
local function temporary(path)
    return ("%s.%d-%s.tmp"):format(path, os.time(), tostring({}):match("%w+$"))
end

-- What the system says of the file beside the image or of renaming it, said of the image.
local function said_of(path, message)
    return ("%s: %s"):format(path, message:match("^.*: (.*)$") or message)
end

local function write(path, bytes)
    local file, message = io.open(path, "wb")
    if not file then
        return nil, message
    end
    local written, wrong = file:write(bytes)
    local closed, late = file:close()
    if written and closed then
        return true
    end
    return nil, wrong or late
end

--- Makes a box of the image of `--restore`, with these options over those that it was saved with. Raises a misuse, or what is wrong with
-- the image. `plain` makes words of what the library raises.
function image.restore(settings, wanted, plain)
    -- Read once: the prompt may want another box of it.
    settings.image = settings.image or content("--restore", settings.restore)
    wanted.key = key(settings)
    local ok, box = pcall(sandbox.restore, settings.image, wanted)
    if ok then
        return box
    end
    local text = plain(box)
    if text:find("^option '") then
        options.refuse("%s", text)
    end
    error(("%s: %s"):format(settings.restore, (text:gsub("option 'key'", "option '--key'"))), 0)
end

--- Finds out, before anything has run, whether an image can be written in the end. Raises a misuse.
function image.prepare(settings)
    key(settings)
    if is_device(settings.save) then
        return
    end
    local path = temporary(settings.save)
    local file, message = io.open(path, "wb")
    if not file then
        options.refuse("option '--save-on-exit': %s", said_of(settings.save, message))
    end
    file:close()
    os.remove(path)
end

--- Writes the image of a box; what was there stays until all of it is written. Gives true, or nil and what is wrong.
function image.save(settings, box)
    local bytes = box:save({ key = key(settings) })
    local device = is_device(settings.save)
    local path = device and settings.save or temporary(settings.save)
    local ok, message = write(path, bytes)
    if ok and not device then
        ok, message = os.rename(path, settings.save)
    end
    if ok then
        return true
    elseif not device then
        os.remove(path)
    end
    return nil, said_of(settings.save, message)
end

return image
