-- class: memory
-- correct: each token ends in a memory error, which may be caught; the loop ends at the CPU limit
-- expect: stop cpu
-- versions: all
-- note: os.time is a C reader that yields digits for ever: one endless numeral, no Lua instruction runs

while true do
  pcall(load, os.time)
end
