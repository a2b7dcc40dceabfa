-- A plugin host: each plugin is a Lua file that returns a table of functions, its hooks. It runs in a box of its own, and is
-- loaded anew when its file has changed; what its `save` returns is handed to `restore` of the new one.

local sandbox = require("sandbox")

-- Each call of a hook has these for itself.
local LIMITS = { memory = 4 * 2 ^ 20, cpu = 0.2, output = 4096, per = "call" }

local PluginHost = {}
PluginHost.__index = PluginHost

-- `log(plugin's name, text)` gets what plugins print, and what becomes of them.
function PluginHost.new(directory, log)
    return setmetatable({ directory = directory, log = log, plugins = {}, order = {} }, PluginHost)
end

local function read(path)
    local file = io.open(path, "rb")
    local text = file and file:read("*a")
    if file then
        file:close()
    end
    return text
end

-- Runs the text in a new box; gives that, its stream and its hooks, or nil and a message.
local function open(name, text)
    local box = sandbox.new(LIMITS)
    local printed = {}
    local stdout = sandbox.newstream(nil, function(s)
        printed[#printed + 1] = s
    end)
    box:stdout(stdout)
    local chunk, message = box:load(text, "=" .. name .. ".lua")
    local ok, hooks = pcall(chunk or error, message)
    if ok and type(hooks) == "table" then
        return { box = box, stdout = stdout, printed = printed, hooks = hooks }
    end
    message = ok and "returned no table of hooks" or tostring(hooks)
    box:close()
    stdout:close()
    return nil, message
end

local function close(running)
    if running then
        running.box:close()
        running.stdout:close()
    end
end

-- Calls one hook, if the plugin has it and is not off. A plugin that is stopped by a limit is switched off until its file
-- changes; an ordinary error is told, and the next call goes on.
function PluginHost:call(plugin, hook, ...)
    local running = plugin.running
    local f = running and not plugin.off and running.hooks[hook]
    if type(f) ~= "function" then
        return nil
    end
    local ok, result = pcall(f, ...)
    -- What was printed is in the stream's buffer until it is flushed.
    running.stdout:flush()
    for i, text in ipairs(running.printed) do
        self.log(plugin.name, (text:gsub("\n$", "")))
        running.printed[i] = nil
    end
    if ok then
        return result
    end
    if running.box:status() ~= "ready" then
        plugin.off = true
    end
    self.log(plugin.name, (plugin.off and "switched off: " or "error: ") .. tostring(result))
    return nil
end

-- The new code takes the place of the old only if it runs.
function PluginHost:reload(plugin, text)
    plugin.text = text
    local running, message = open(plugin.name, text)
    if not running then
        self.log(plugin.name, (plugin.running and "kept as it was: " or "not loaded: ") .. message)
        return
    end
    local state = self:call(plugin, "save")
    close(plugin.running)
    self.log(plugin.name, plugin.running and "loaded anew" or "loaded")
    plugin.running, plugin.off = running, false
    if state ~= nil then
        self:call(plugin, "restore", state)
    end
end

-- Looks at the directory: what is new is loaded, what has changed is loaded anew, what is gone is closed.
function PluginHost:scan()
    local there = {}
    local pipe = assert(io.popen("ls '" .. self.directory:gsub("'", "'\\''") .. "'"))
    for file in pipe:lines() do
        local name = file:match("^([%w_]+)%.lua$")
        local text = name and read(self.directory .. "/" .. file)
        if text then
            there[name] = true
            local plugin = self.plugins[name]
            if not plugin then
                plugin = { name = name }
                self.plugins[name] = plugin
                self.order[#self.order + 1] = plugin
            end
            if plugin.text ~= text then
                self:reload(plugin, text)
            end
        end
    end
    pipe:close()
    for i = #self.order, 1, -1 do
        local plugin = self.order[i]
        if not there[plugin.name] then
            close(plugin.running)
            self.plugins[plugin.name] = nil
            table.remove(self.order, i)
            self.log(plugin.name, "gone")
        end
    end
end

-- Calls one hook of every plugin; gives what they returned, by name.
function PluginHost:event(hook, ...)
    local results = {}
    for _, plugin in ipairs(self.order) do
        results[plugin.name] = self:call(plugin, hook, ...)
    end
    return results
end

function PluginHost:close()
    for _, plugin in ipairs(self.order) do
        close(plugin.running)
    end
    self.plugins, self.order = {}, {}
end

return PluginHost
