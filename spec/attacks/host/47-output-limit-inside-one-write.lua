-- The output limit falls inside one write, between bytes of a character, over stdout and stderr: the count is exact.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local function box_with(limit, options)
  options = options or {}
  options.output = limit
  options.cpu = options.cpu or 10
  local box = sandbox.new(options)
  local got = { out = {}, err = {} }
  for name, stream in pairs { out = "stdout", err = "stderr" } do
    local s = sandbox.newstream(nil, function(text) table.insert(got[name], text) end)
    box[stream](box, s)
  end
  return box, function()
    box:stdout():flush()
    box:stderr():flush()
    return table.concat(got.out), table.concat(got.err)
  end
end

-- exactly the limit passes; usage says so
local box, got = box_with(10)
box:dostring("io.write('0123456789') io.stdout:flush()")
host.equal(got(), "0123456789", "what came through")
host.equal(box:usage().output, 10, "usage")
host.equal(box:status(), "ready", "status")
host.raises("output limit", function() box:dostring("io.write('x') io.stdout:flush()") end)
host.equal(got(), "0123456789", "what came through")
host.stopped(box, "output")

-- one write past the limit: nothing, or exactly the first bytes, never more
for _, piece in ipairs { ("x"):rep(11), ("\195\164"):rep(6), ("\226\130\172"):rep(4), ("y"):rep(100000) } do
  for _, how in ipairs { "io.write(...)", "print(...)", "io.stdout:write(...)", "io.stderr:write(...)",
    "for c in (...):gmatch('.') do io.write(c) end" } do
    box, got = box_with(10)
    local message = host.raises("output limit of 10", function()
      box:dostring(how .. " io.stdout:flush() io.stderr:flush() io.write('\\n') while true do io.write('z') end", piece)
    end)
    assert(message)
    local out, err = got()
    assert(#out + #err <= 10, ("%s: %d bytes"):format(how, #out + #err))
    assert(piece:find(out .. err, 1, true) == 1, "not the first bytes: " .. out .. err)
    assert(box:usage().output <= 10 and box:usage().output >= #out + #err, "usage " .. box:usage().output)
    host.stopped(box, "output")
  end
end

-- both streams count together
box, got = box_with(10)
host.raises("output limit", function()
  box:dostring("io.write('123456') io.stderr:write('1234') io.stdout:flush() io.stderr:flush() io.stderr:write('5')")
end)
local out, err = got()
assert(out == "123456" and err == "1234", out .. " " .. err)

-- a pcall does not help, and the null device counts as well
box = sandbox.new { output = 10, cpu = 10 }
host.raises("output limit", function() box:dostring("while true do pcall(io.write, 'xx') pcall(print, 'xx') end") end)
host.stopped(box, "output")
assert(box:usage().output <= 10)

-- a new allowance starts from nothing
box, got = box_with(5)
pcall(box.dostring, box, "io.write('123456') io.stdout:flush() io.write('x')")
if box:status() == "exhausted" then
  box:limits { output = 3 }
  local before = #got()
  box:dostring("io.write('abc') io.stdout:flush()")
  host.equal(#got() - before, 3, "bytes of the new allowance")
end

-- per call
box, got = box_with(4, { per = "call" })
for _ = 1, 5 do box:dostring("io.write('1234') io.stdout:flush()") end
host.equal(got(), ("1234"):rep(5), "an allowance for each call")
host.raises("output limit", function() box:dostring("io.write('12345') io.stdout:flush() io.write('6')") end)

host.done()
