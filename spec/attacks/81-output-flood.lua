-- class: host
-- correct: without an output limit the CPU or wall limit ends it; the host's memory stays what it is
-- expect: stop cpu|stop wall
-- versions: all
-- limits: cpu=0.5 wall=2
-- note: the time spent in the host's writer is not the box's; 116 is the same with an output limit

local chunk = ("spam "):rep(2000)
local write = io.write
while true do
  write(chunk, "\n")
  print(chunk, chunk)
end
