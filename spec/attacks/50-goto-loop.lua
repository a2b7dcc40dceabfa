-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once
-- expect: stop cpu
-- versions: 5.2,5.3,5.4,jit

do
  local n = 0
  ::again::
  n = n + 1
  goto again
end
