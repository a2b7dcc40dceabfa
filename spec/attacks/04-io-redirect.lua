-- class: escape
-- correct: io.input, io.output and io.lines take file names, and without a grant raise an error for each; the current
--   streams stay
-- expect: held
-- versions: all

local leaks = {}
local first_input, first_output = io.input(), io.output()
if io.lines then
  local ok, iter = pcall(io.lines, "/etc/passwd")
  if ok and iter then
    local ok2, line = pcall(iter)
    if ok2 and type(line) == "string" and line:find(":", 1, true) then
      leaks[#leaks + 1] = "io.lines"
    end
  end
end
if io.input then
  local before = io.input()
  local ok = pcall(io.input, "/etc/passwd")
  if ok then
    local ok2, line = pcall(io.read, "*l")
    if ok2 and type(line) == "string" and line:find(":", 1, true) then
      leaks[#leaks + 1] = "io.input"
    end
  end
  pcall(io.input, before)
end
if io.output then
  local before = io.output()
  local ok = pcall(io.output, "/dev/null")
  local now = ok and io.output()
  pcall(io.output, before)
  if ok and now ~= before then leaks[#leaks + 1] = "io.output" end
end
if io.input() ~= first_input or io.output() ~= first_output then leaks[#leaks + 1] = "a stream was replaced" end
if #leaks > 0 then
  print("ESCAPED: file reached through " .. table.concat(leaks, ", "))
else
  print "HELD"
end
