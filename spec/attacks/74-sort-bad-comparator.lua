-- class: crash
-- correct: "invalid order function" or a plain result; no access outside the table
-- expect: held
-- versions: all
-- note: plain interpreters hold; a re-implementation on Rust slice::sort_by can panic on an inconsistent order

local modes = {
  function() return true end, function() return false end, function(a, b) return a ~= b end,
  function(a, b) return (a or 0) % 3 < 1 end,
  function(a, b) if math.random() < 0.01 then error "stop" end return math.random() < 0.5 end,
}
for round = 1, 60 do
  for _, cmp in ipairs(modes) do
    local t = {}
    for i = 1, 200 do t[i] = i * 7919 % 211 end
    pcall(table.sort, t, cmp)
    pcall(table.sort, t, function(a, b) t[#t] = nil t[#t + 1] = b return cmp(a, b) end)
  end
end
print "HELD"
