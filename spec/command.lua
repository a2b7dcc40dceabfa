--- Running the `safelua` command by the Lua that runs the specs.

local assert = require "luassert"
local helpers = require "spec.helpers"

local command = {}

local function quoted(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end
command.quoted = quoted

--- The words of a shell that run the command with these arguments, for three minutes at most. It stays in the foreground,
-- so that it can read from a terminal whichever shell starts it there.
function command.line(...)
  local words = {}
  for i, word in ipairs { ... } do words[i] = quoted(word) end
  local cpath = (package.cpath:gsub("%./build", "build"))
  return ("LUA_CPATH=%s timeout --foreground 180 %s command/bin/safelua %s"):format(quoted(cpath), quoted(helpers.interpreter),
    table.concat(words, " "))
end

--- Runs a line of shell. Gives its exit status, and what it wrote to stdout and to stderr.
function command.shell(line, input)
  local out, err = helpers.file(""), helpers.file("")
  local from = input and helpers.file(input) or "/dev/null"
  local pipe = io.popen(("{ %s; } <%s >%s 2>%s; echo $?"):format(line, from, out, err))
  local status = tonumber(pipe:read("*l"))
  pipe:close()
  return status, helpers.content(out), helpers.content(err)
end

--- Runs the command with these arguments and this on its stdin.
function command.run(args, input)
  return command.shell(command.line(helpers.unpack(args)), input)
end

--- The same, and asserts its exit status; gives what it wrote.
function command.expect(status, args, input)
  local ended, out, err = command.run(args, input)
  assert.equal(status, ended, err)
  return out, err
end

--- Asserts that a text has all these parts.
function command.has(text, ...)
  for _, part in ipairs { ... } do
    assert(text:find(part, 1, true), ("%q is not in %q"):format(part, text))
  end
end

return command
