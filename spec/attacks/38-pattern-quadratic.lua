-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- note: polynomial blow-up with harmless looking patterns on a 300 kB subject

local s = ("("):rep(300000)
while true do
  s:find "%b()"
  s:match "(.-)(.-)%)x"
  s:gsub("%(-%)", "")
end
