-- Every method of a closed box raises `sandbox is closed`; tostring, status and close still answer.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local file = host.tmp("return 1")
local calls = {
  stdin = { io.stdin }, stdout = { io.stdout }, stderr = { io.stderr }, env = { {} }, opensandbox = {},
  dofile = { file }, dostring = { "return 1" }, load = { "return 1" }, get = { "x" }, set = { "x", 1 },
  limits = { { cpu = 1 } }, usage = {}, traceback = {},
}

local function all_closed(box)
  for name, arguments in pairs(calls) do
    host.raises("sandbox is closed", function() box[name](box, host.unpack(arguments)) end)
  end
  -- and with nothing, or nil, given
  for _, name in ipairs { "stdin", "stdout", "stderr", "env", "limits" } do
    host.raises("sandbox is closed", function() box[name](box) end)
    host.raises("sandbox is closed", function() box[name](box, nil) end)
  end
  host.equal(box:status(), "closed", "status")
  assert(tostring(box):find("^sandbox: 0x%x+$"), tostring(box))
  box:close()
end

local box = sandbox.new()
box:close()
all_closed(box)

-- closed after an error, after a stop, after a kill by its own doing
box = sandbox.new()
pcall(box.dostring, box, "error('x')")
box:close()
all_closed(box)

box = sandbox.new { cpu = 0.1 }
pcall(box.dostring, box, "while true do end")
host.stopped(box, "cpu")
box:close()
all_closed(box)

-- the closed box's streams and environment are the host's still
box = sandbox.new()
local stream = sandbox.newstream(function() return nil end)
box:stdin(stream)
box:close()
all_closed(box)
host.equal(io.type(stream), "file", "the stream after close")
stream:close()

host.done()
