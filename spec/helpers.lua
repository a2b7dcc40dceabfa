--- What the specs share: which Lua this is, boxes and files that are tidied away after each case,
-- figures of this process, and the same chunk run by the stock interpreter and in a box.

local assert = require "luassert"
local busted = require "busted"
local system = require "system"

local helpers = {}

local is_jit = rawget(_G, "jit") ~= nil

--- The name of this Lua's folder under build/: "5.1" to "5.4", or "jit".
helpers.lua = is_jit and "jit" or _VERSION:match("%d%.%d")
helpers.is_jit = is_jit
--- 5.1 as 51 and so on; LuaJIT speaks 5.1.
helpers.version = tonumber((_VERSION:gsub("%D", "")))
--- The interpreter that runs this suite.
helpers.interpreter = arg[-1]

-- Appended, so that what LUA_CPATH names wins.
package.cpath = package.cpath .. ";build/" .. helpers.lua .. "/?.so"
local sandbox = require "sandbox"

helpers.MiB = 2 ^ 20
helpers.unpack = rawget(table, "unpack") or rawget(_G, "unpack")

-- Reasons for which a case is pending on some Lua.
helpers.no_soft_stop = is_jit
  and "LuaJIT: a soft stop is not promised, compiled loops are stopped hard and the box is killed"
helpers.no_integers = helpers.version < 53 and "this Lua has no integer subtype"
helpers.no_close = helpers.version < 54 and "to-be-closed variables came with Lua 5.4"
helpers.no_table_gc = helpers.version < 52 and "finalizers of tables came with Lua 5.2"

--- A case that is pending where this Lua can't do it: `cannot` is the reason, or false.
function helpers.it_unless(cannot, name, body)
  if cannot then
    busted.pending(name .. " (" .. cannot .. ")")
  else
    busted.it(name, body)
  end
end

-- Boxes and files -----------------------------------------------------------------------------------------------

local boxes, files, directories = {}, {}, {}

--- A new box, closed after the case.
function helpers.box(options)
  local box = sandbox.new(options)
  boxes[#boxes + 1] = box
  return box
end

--- The same, and code in it may make boxes.
function helpers.opened(options)
  local box = helpers.box(options)
  box:opensandbox()
  return box
end

--- The path of a new file with this content, removed after the case.
function helpers.file(content)
  local path = os.tmpname()
  files[#files + 1] = path
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  return path
end

--- What a file has in it; nil where there is none.
function helpers.content(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- An open handle on a new file with this content.
function helpers.handle(content, mode)
  return assert(io.open(helpers.file(content), mode or "rb"))
end

--- The path of a new named pipe, removed after the case. Opened "r+" it stays open by itself, and silent.
function helpers.fifo()
  local path = helpers.file("")
  os.remove(path)
  assert.is_truthy(os.execute("mkfifo " .. path))
  return path
end

--- The path of a new directory, removed with all that is in it after the case.
function helpers.directory()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkdir %q"):format(path)))
  directories[#directories + 1] = path
  return path
end

--- The same with these files in it, by name; folders are made as the names want them.
function helpers.tree(contents)
  local root = helpers.directory()
  for name, content in pairs(contents or {}) do
    local folder = name:match("^(.*)/")
    if folder then assert(os.execute(("mkdir -p %q"):format(root .. "/" .. folder))) end
    local file = assert(io.open(root .. "/" .. name, "wb"))
    file:write(content)
    file:close()
  end
  return root
end

--- For after_each.
function helpers.tidy()
  for _, box in ipairs(boxes) do box:close() end
  for _, path in ipairs(files) do os.remove(path) end
  for _, path in ipairs(directories) do os.execute(("rm -rf %q"):format(path)) end
  boxes, files, directories = {}, {}, {}
end

--- Assigns a file to the box's stdout (or "stderr"); the function it returns gives what was written so far.
function helpers.captured(box, stream)
  local file = assert(io.tmpfile())
  box[stream or "stdout"](box, file)
  return function()
    file:flush()
    file:seek("set")
    local text = file:read("*a")
    file:seek("end")
    return text
  end
end

--- Runs a chunk as the host of boxes: in this state, in a box, and in a box below a box. It finds the library as
-- `sandbox`, and gets what `arguments`, a function that is called anew for each, gives in a list.
function helpers.at_every_depth(code, arguments)
  local source = "local sandbox = sandbox or require 'sandbox'\n" .. code
  local load_text = rawget(_G, "loadstring") or load
  for depth = 0, 2 do
    local given = arguments and arguments() or {}
    local ok, message
    if depth == 0 then
      ok, message = pcall(assert(load_text(source, "=at the host")), helpers.unpack(given))
    else
      local box = helpers.box()
      box:opensandbox()
      if depth == 2 then
        box:dostring("below = sandbox.new() below:opensandbox()")
        source = "local code, name = " .. ("%q"):format(source) .. ", '=below'\n"
          .. "local chunk = assert(below:load(code, name)) return chunk(...)"
      end
      ok, message = pcall(box.dostring, box, source, helpers.unpack(given))
    end
    assert(ok, ("%s (host of boxes at depth %d)"):format(tostring(message), depth))
  end
end

-- Where Debian puts pure Lua libraries: the first that has one wins. Some packages leave out the newest Lua.
local versions = { "5.4", "5.3", "5.2", "5.1" }
while versions[1] ~= _VERSION:match("%d%.%d") do table.remove(versions, 1) end

--- What `package.path` must have for the libraries that this Lua's own folder lacks.
helpers.library_path = ""
for _, version in ipairs(versions) do
  helpers.library_path = ("%s;/usr/share/lua/%s/?.lua;/usr/share/lua/%s/?/init.lua"):format(helpers.library_path, version, version)
end

--- A table for the option `modules`: the paths of these installed libraries by their names.
function helpers.libraries(...)
  local modules = {}
  for _, name in ipairs { ... } do
    for template in helpers.library_path:gmatch("[^;]+") do
      local path = template:gsub("%?", (name:gsub("%.", "/")))
      local file = not modules[name] and io.open(path)
      if file then
        file:close()
        modules[name] = path
      end
    end
    assert(modules[name], "the library " .. name .. " is not installed (scripts/setup test)")
  end
  return modules
end

-- Assertions ----------------------------------------------------------------------------------------------------

--- Asserts that `body` raises a string that holds each of these texts; returns it.
function helpers.raises(body, ...)
  local ok, message = pcall(body)
  assert(not ok, "nothing was raised")
  assert(type(message) == "string", "raised a " .. type(message) .. " value")
  for _, text in ipairs { ... } do
    assert(message:find(text, 1, true), ("%q is not in %q"):format(text, message))
  end
  return message
end

--- For figures that a machine can spoil (a hypervisor's other guests use up CPU time that is put to our account): up to three
-- turns, for what is wrong is wrong each time.
function helpers.in_some_turn(body)
  local ok, message
  for _ = 1, 3 do
    ok, message = pcall(body)
    if ok then return end
  end
  error(message, 0)
end

--- Asserts that the box was stopped for this kind of limit; softly wherever soft stops are promised.
function helpers.assert_stopped(box, kind, softly)
  local status, reason = box:status()
  if softly and not helpers.no_soft_stop then
    assert.equal("exhausted", status)
  else
    assert(status == "exhausted" or status == "killed", "the box is " .. tostring(status))
  end
  assert.equal(kind, reason)
end

--- Asserts that code which would never end is stopped by the box's cpu limit of `seconds`, in about that time.
-- Measured in CPU time, so that a busy machine does no harm.
function helpers.assert_cpu_stop(box, seconds, code, ...)
  local arguments = { n = select("#", ...), ... }
  local before = os.clock()
  local message = helpers.raises(function()
    box:dostring(code, helpers.unpack(arguments, 1, arguments.n))
  end, ("cpu limit of %s s exceeded"):format(seconds))
  local spent = os.clock() - before
  helpers.assert_stopped(box, "cpu")
  assert(spent < seconds + 1, ("stopped only after %.2f s of CPU time"):format(spent))
  return message
end

-- This process --------------------------------------------------------------------------------------------------

--- Seconds of real time.
helpers.now = system.monotime
helpers.sleep = system.sleep

--- Resident memory of this process in bytes.
function helpers.resident()
  local file = assert(io.open("/proc/self/status"))
  local status = file:read("*a")
  file:close()
  return tonumber(status:match("VmRSS:%s*(%d+) kB")) * 1024
end

--- The lines of /proc/self/maps, one per mapping.
function helpers.mappings()
  local lines = {}
  for line in io.lines("/proc/self/maps") do lines[#lines + 1] = line end
  return lines
end

-- How much this process grew, in bytes and in mappings, by so many turns.
local function growth(turns, turn)
  collectgarbage() collectgarbage()
  local resident, mappings = helpers.resident(), #helpers.mappings()
  for i = 1, turns do
    turn()
    -- What the host itself has left lying about is not what is measured.
    if i % 500 == 0 then collectgarbage() end
  end
  collectgarbage() collectgarbage()
  return helpers.resident() - resident, #helpers.mappings() - mappings
end

--- Runs `turn` until things are warm, then `turns` times more, and asserts that this process did not grow. Heaps may
-- still find their size once; a leak grows every time.
function helpers.assert_flat(turns, turn)
  for _ = 1, math.ceil(turns / 10) do turn() end
  local grown, mapped = growth(turns, turn)
  if grown >= 4 * helpers.MiB or mapped >= 40 then grown, mapped = growth(turns, turn) end
  assert(grown < 4 * helpers.MiB, ("grew by %.1f MiB"):format(grown / helpers.MiB))
  assert(mapped < 40, ("%d mappings more"):format(mapped))
end

--- Burns this much of the thread's CPU time in the host.
function helpers.burn(seconds)
  local stop = os.clock() + seconds
  while os.clock() < stop do end
end

--- Runs a chunk in a host process of its own, so that a crash is seen as one; gives its output and its exit code
-- (128 + n for signal n). `shell` is put before the command, such as "ulimit -s 256;".
function helpers.in_process(code, shell)
  return helpers.script(helpers.file(("package.cpath = %q\n"):format(package.cpath) .. code), 180, shell)
end

--- The same for a script by its path, with its arguments, within so many seconds.
function helpers.script(path, seconds, shell)
  local command = ("{ %s timeout %d %s %s; } 2>&1 </dev/null; echo exit=$?")
    :format(shell or "", seconds, helpers.interpreter, path)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  local text, code_text = output:match("^(.*)exit=(%d+)\n$")
  return text, tonumber(code_text)
end

-- The same as stock ---------------------------------------------------------------------------------------------

-- Runs each snippet and writes down what it gave, without anything that differs from state to state.
local DRIVER = [==[
local load, type, pcall, pairs, select, tostring = loadstring or load, type, pcall, pairs, select, tostring
local format, sort, concat, floor = string.format, table.sort, table.concat, math.floor
local subtype = math.type
local show
local function show_table(value, above)
  local items = {}
  above[value] = true
  for k, v in pairs(value) do items[#items + 1] = show(k, above) .. "=" .. show(v, above) end
  above[value] = nil
  sort(items)
  return "{" .. concat(items, " ") .. "}"
end
function show(value, above)
  local kind = type(value)
  if kind == "string" then return format("%q", value) end
  if kind == "number" then
    if value ~= value then return "nan" end
    if subtype then return subtype(value) .. ":" .. format("%.17g", value) end
    return format("%.17g", value)
  end
  if kind == "table" then return above[value] and "<cycle>" or show_table(value, above) end
  if kind == "boolean" or kind == "nil" then return tostring(value) end
  return "<" .. kind .. ">"
end
local function results(...)
  local shown = {}
  for i = 1, select("#", ...) do shown[i] = show((select(i, ...)), {}) end
  return concat(shown, ", ")
end
local lines = {}
for i, snippet in ipairs(snippets) do
  local chunk, message = load(snippet, "=snippet")
  lines[i] = chunk and results(pcall(chunk)) or "syntax: " .. tostring(message)
end
return concat(lines, "\1")
]==]

local function split(text)
  local parts = {}
  for part in (text .. "\1"):gmatch("([^\1]*)\1") do parts[#parts + 1] = part end
  return parts
end

--- Runs the snippets by the stock interpreter, in a process of its own with `input` as its stdin and UTC as its time
-- zone, and in the box given (or a new one); gives a list of those that differ.
function helpers.differences(snippets, input, box)
  local quoted = {}
  for i, snippet in ipairs(snippets) do quoted[i] = ("%q"):format(snippet) end
  local chunk = helpers.file("local snippets = {" .. table.concat(quoted, ",\n") .. "}\n" .. DRIVER)
  local source = helpers.file(input or "")
  local pipe = assert(io.popen(("TZ=UTC timeout 180 %s -e 'io.write(dofile(%q))' < %s"):format(helpers.interpreter, chunk, source)))
  local stock = split(pipe:read("*a"))
  pipe:close()
  assert.equal(#snippets, #stock)

  box = box or helpers.box()
  local handle = assert(io.open(source, "rb"))
  box:stdin(handle)
  local inside = split(box:dofile(chunk))
  handle:close()
  local different = {}
  for i, snippet in ipairs(snippets) do
    if stock[i] ~= inside[i] then
      different[#different + 1] = ("%s\n  stock: %s\n  box:   %s"):format(snippet, stock[i], tostring(inside[i]))
    end
  end
  return different
end

--- Asserts that the code prints in a box what it prints in the stock interpreter.
function helpers.assert_prints_as_stock(code)
  local box = helpers.box()
  local text = helpers.captured(box)
  box:dostring(code)
  assert.equal(helpers.in_process(code), text())
end

--- Asserts that the snippets do in a box what they do in the stock interpreter, messages included.
function helpers.assert_as_stock(snippets, input, box)
  local different = helpers.differences(snippets, input, box)
  assert(#different == 0, table.concat(different, "\n"))
end

return helpers
