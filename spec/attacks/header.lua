-- The header of an attack: comment lines `-- field: text` on top of the file, a longer text going on after `--   `.
-- Fields: class, correct, expect (also `expect 5.1,jit` for some versions), versions, limits, boxes, files, then, note.
local header = {}

header.versions = { "5.1", "5.2", "5.3", "5.4", "jit" }
header.classes = { escape = true, leak = true, cpu = true, memory = true, crash = true, host = true }
header.kinds = { memory = true, cpu = true, wall = true, instructions = true, output = true, stack = true, fault = true }
header.limits = { memory = true, cpu = true, wall = true, instructions = true, output = true }

local single = { class = true, correct = true, expect = true, versions = true, limits = true, boxes = true,
  ["then"] = true, note = true, files = true }

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

local function split(text, separator)
  local items = {}
  for item in (text .. separator):gmatch("%s*(.-)%s*%" .. separator) do items[#items + 1] = item end
  return items
end

local function versions_of(text)
  if text == "all" then return header.versions end
  local list = split(text, ",")
  for _, version in ipairs(list) do
    assert(contains(header.versions, version), "no such version: " .. version)
  end
  return list
end

-- What may come of the call: held, returned, memory, stop <kind>, exit <code>, raises <type>, error <text in the message>
local function outcomes_of(text)
  local list = split(text, "|")
  for _, outcome in ipairs(list) do
    local kind = outcome:match("^stop (%l+)$")
    assert(outcome == "held" or outcome == "returned" or outcome == "memory" or header.kinds[kind]
      or outcome:find("^exit %d+$") or outcome:find("^raises %l+$") or outcome:find("^error ."),
      "no such outcome: " .. outcome)
  end
  return list
end

local function limits_of(text)
  local limits = {}
  for name, value in text:gmatch("(%l+)=(%S+)") do
    assert(header.limits[name], "no such limit: " .. name)
    limits[name] = assert(value == "none" and math.huge or tonumber(value), "not a limit: " .. value)
  end
  return limits
end

-- Reads the header of `path`; raises where one is missing something or says what nobody knows.
function header.read(path)
  local fields, last = {}, nil
  for line in io.lines(path) do
    local name, text = line:match("^%-%- (%l[%l%d., ]*): (.+)$")
    if name then
      assert(not fields[name], path .. ": twice: " .. name)
      fields[name], last = text, name
    else
      local more = last and line:match("^%-%-   (.+)$")
      if not more then break end
      fields[last] = fields[last] .. " " .. more
    end
  end

  local read = { expect_for = {}, text = fields }
  for name, text in pairs(fields) do
    local list = name:match("^expect (.+)$")
    if list then
      for _, version in ipairs(versions_of(list)) do read.expect_for[version] = outcomes_of(text) end
    else
      assert(single[name], path .. ": no such field: " .. name)
    end
  end
  for _, name in ipairs { "class", "correct", "expect", "versions" } do
    assert(fields[name], path .. ": lacks the field " .. name)
  end
  assert(header.classes[fields.class], path .. ": no such class: " .. fields.class)

  read.class, read.note = fields.class, fields.note
  read.versions = versions_of(fields.versions)
  read.expect = outcomes_of(fields.expect)
  read.limits = limits_of(fields.limits or "")
  read.boxes = fields.boxes and assert(tonumber(fields.boxes), "not a number of boxes") or 1
  assert(not fields.files or fields.files == "tree" or fields.files == "tree, racing", "no such files")
  read.files, read.racing = fields.files ~= nil, fields.files == "tree, racing"
  read.again = fields["then"] and outcomes_of(fields["then"])
  return read
end

function header.expected(read, version) return read.expect_for[version] or read.expect end

function header.runs_on(read, version) return contains(read.versions, version) end

-- The row of README.md's table for a file.
function header.row(file, read)
  local expected = { table.concat(read.expect, " or ") }
  for _, version in ipairs(header.versions) do
    local list = read.expect_for[version]
    if list then expected[#expected + 1] = version .. ": " .. table.concat(list, " or ") end
  end
  if read.again then expected[#expected + 1] = "then " .. table.concat(read.again, " or ") end
  local versions = #read.versions == #header.versions and "all" or table.concat(read.versions, ", ")
  return ("| %s | %s | %s | %s |"):format(file, read.class, table.concat(expected, "; "), versions)
end

-- Numbers first, as they are meant: 9 before 10, 99 before 100.
function header.sort(names)
  table.sort(names, function(a, b) return tonumber(a:match("^%d+")) < tonumber(b:match("^%d+")) end)
end

return header
