-- What the tests of real hosts share: named checks that are counted, and a few words with the shell.

local checks = { passed = 0, failed = 0 }

--- Runs one check in a pcall and tells what came of it; gives whether it passed.
function checks.check(name, body)
  local ok, message = pcall(body)
  checks[ok and "passed" or "failed"] = checks[ok and "passed" or "failed"] + 1
  io.write(ok and "ok      " or "FAILED  ", name, ok and "" or ": " .. tostring(message), "\n")
  io.flush()
  return ok
end

--- Asserts that two texts are the same, and shows them if not.
function checks.same(expected, got)
  if expected ~= got then error(("expected %q, got %q"):format(tostring(expected), tostring(got)), 2) end
end

--- Asserts that a text holds another.
function checks.holds(text, part)
  if not tostring(text):find(part, 1, true) then error(("%q is not in %q"):format(part, tostring(text)), 2) end
end

function checks.finish()
  io.write(("%d passed, %d failed\n"):format(checks.passed, checks.failed))
  os.exit(checks.failed == 0 and checks.passed > 0 and 0 or 1)
end

function checks.quoted(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end

--- What a command prints, both streams together.
function checks.output_of(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

function checks.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

function checks.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- A new directory of our own.
function checks.directory()
  local path = checks.output_of("mktemp -d"):match("^(/[^\n]+)\n$")
  return assert(path, "mktemp made no directory")
end

return checks
