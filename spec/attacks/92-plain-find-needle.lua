-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the C call (which may cost the box)
-- expect: stop cpu
-- versions: all
-- boxes: 3
-- note: sizes at which a plain find takes seconds to minutes: 250 KB in 5 MB, 700 KB in 1.4 MB; the third finds its
--   specials by itself

local which = ...
local hay = ("a"):rep(which == 2 and 1400000 or 5000000)
local needle = ("a"):rep(which == 2 and 700000 or 250000) .. "b"
while true do
  if which == 3 then
    -- no special characters: find turns to the plain search on its own
    hay:find(needle)
  else
    hay:find(needle, 1, true)
  end
end
