-- class: cpu
-- correct: the CPU limit stops it, and the host has control again at once, out of the lexer
-- expect: stop cpu
-- versions: all
-- note: the reader costs 3 instructions per megabyte of comment: the lexer works in C for ever

local dashes = ("-"):rep(1000000)
while true do load(function() return dashes end) end
