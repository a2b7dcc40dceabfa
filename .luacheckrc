-- The files run on Lua 5.1, 5.2, 5.3, 5.4 and LuaJIT: what any of those has may be named.
std = "max"
max_line_length = 140

-- What these programs, which run in boxes, give to their hosts and get from them.
files["lua-examples/persist"] = { globals = { "receive" }, read_globals = { "process" } }
files["lua-examples/migrate"] = { globals = { "step", "report" }, read_globals = { "last", "place" } }
files["lua-examples/agents"] = { globals = { "depart", "travel", "go_on" }, read_globals = { "ask" } }

files["spec"] = { std = "max+busted" }

-- Each of these is code as an attacker, or a careless host, writes it: globals and fields of libraries set, values unused
-- or shadowed, empty loops, dead code and odd layout are what it is made of. Syntax errors stay errors.
local attack = { std = "max", allow_defined = true, ignore = { "1", "2", "3", "4", "5", "6" } }
files["spec/attacks/[0-9]*.lua"] = attack
files["spec/attacks/host/[0-9]*.lua"] = attack

-- What nginx's Lua module brings, and what the playground gives to programs.
files["lua-examples/playground"] = { std = "max", globals = { "ngx" }, read_globals = { "sleep" } }
