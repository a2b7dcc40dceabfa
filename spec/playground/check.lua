-- Cases and what they claim: prints one line each and counts.
local check = { passed = 0, failed = 0 }

local function shown(value)
  if type(value) ~= "string" then return tostring(value) end
  return ("%q"):format(#value > 400 and value:sub(1, 400) .. "…" or value)
end

function check.equal(expected, actual, what)
  if expected ~= actual then
    error(("%s: expected %s, got %s"):format(what or "wrong", shown(expected), shown(actual)), 2)
  end
end

function check.contains(part, text, what)
  if type(text) ~= "string" or not text:find(part, 1, true) then
    error(("%s: %s is not in %s"):format(what or "wrong", shown(part), shown(text)), 2)
  end
end

function check.truth(value, what)
  if not value then error(what, 2) end
end

function check.case(name, body)
  local before = os.time()
  local ok, message = xpcall(body, debug.traceback)
  if ok then
    check.passed = check.passed + 1
    print(("ok      %s (%d s)"):format(name, os.time() - before))
  else
    check.failed = check.failed + 1
    print("FAILED  " .. name .. "\n        " .. tostring(message):gsub("\n", "\n        "))
  end
  io.stdout:flush()
end

return check
