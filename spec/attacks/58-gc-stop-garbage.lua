-- class: memory
-- correct: stopping the collector lifts no limit: a memory error, or, where the VM collects in need all the same, the
--   CPU limit
-- expect: memory|stop cpu
-- versions: all

collectgarbage "stop"
pcall(collectgarbage, "setpause", 100000)
while true do local junk = { 1, 2, 3, {} } end
