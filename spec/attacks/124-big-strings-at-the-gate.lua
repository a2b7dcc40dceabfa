-- class: memory
-- correct: what crosses the gate is charged or bounded: many large strings leave the host's memory where it is
-- expect: held|memory
-- versions: all
-- limits: cpu=3

local big = ("g"):rep(8000000)
local functions = { function() io.write(big, "\n") end, function() io.stderr:write(big, "\n") end, function() print(big) end,
  function() os.getenv(big) end, function() os.date(big) end, function() io.open(big) end, function() require(big) end,
  function() loadfile(big) end, function() dofile(big) end, function() debug.traceback(big) end, function() io.lines(big) end }
for round = 1, 3 do
  for _, f in ipairs(functions) do
    pcall(f)
    collectgarbage()
  end
end
print "HELD"
