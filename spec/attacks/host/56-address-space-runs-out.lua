-- The system gives less memory than the box may have: a memory error, never an abort of the process.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local prelude = [[
  local posix = require "host_posix"
  local function vm()
    local f = assert(io.open("/proc/self/status"))
    local all = f:read("*a")
    f:close()
    return tonumber(all:match("VmSize:%s*(%d+)")) * 1024, tonumber(all:match("VmData:%s*(%d+)")) * 1024
  end
  local sandbox = require "sandbox"
  local function checked(what, ok, message)
    if not ok and (type(message) ~= "string" or #message == 0) then
      print(what .. " failed with a " .. type(message))
      os.exit(2)
    end
  end
  -- the script itself needs a little that is free already: holes below something that stays
  local function limit(kind, more)
    local junk = {}
    for i = 1, 20000 do junk[i] = {i} end
    pin = {}
    junk = nil
    collectgarbage()
    local as, data = vm()
    posix.setrlimit(kind, (kind == "as" and as or data) + more)
  end
  local function lift() posix.setrlimit("as") posix.setrlimit("data") end
  local function use(box)
    checked("heap", pcall(box.dostring, box, "t = {} for i = 1, 1e5 do t[i] = 'a string ' .. i end"))
    checked("string", pcall(box.dostring, box, "return #('x'):rep(1024):rep(2^15)"))
    checked("deep", pcall(box.dostring, box, "local function f() return (('x'):gsub('x', f)) end return f()"))
    checked("crossing", pcall(function() box:set("s", ("x"):rep(2^20)) end))
    checked("big crossing", pcall(function() box:set("s", ("x"):rep(1024):rep(2^15)) end))
    checked("result", pcall(box.dostring, box, "return ('x'):rep(1024):rep(2^15)"))
    checked("below", pcall(box.dostring, box, "local b = sandbox.new {memory = 2^29} b:dostring('return #(\"x\"):rep(1024):rep(2^15)')"))
    checked("stream", pcall(function()
      local parts = {}
      local sent = false
      local function reader() if not sent then sent = true return ("x"):rep(1024):rep(2^13) end end
      local s = sandbox.newstream(reader, function(text) parts[#parts + 1] = text end)
      box:stdin(s)
      box:stdout(s)
      box:dostring("io.write(('y'):rep(1024):rep(2^13)) io.stdout:flush() return #io.read('*a')")
    end))
  end
]]
local ending = [[
  lift()
  collectgarbage()
  assert(sandbox.run("return 1 + 1") == 2)
  local box = sandbox.new {cpu = 0.05}
  assert(not pcall(box.dostring, box, "while true do end"))
  print("lives")
]]

local function lives(what, script)
  local code, output = host.within(40, host.child, prelude .. script .. ending)
  assert(code == 0 and output:find("lives\n$"), ("%s: exit code %s: %s"):format(what, tostring(code), tostring(output)))
end

for _, kind in ipairs { "as", "data" } do
  for _, more in ipairs { 0, 2 ^ 20, 2 ^ 24, 2 ^ 27 } do
    -- before the library has reserved anything
    lives(("%s + %d before the first box"):format(kind, more), ([[
      limit(%q, %d)
      local ok, box = pcall(sandbox.new, {memory = 2^30})
      checked("new", ok, box)
      if ok then use(box) end
    ]]):format(kind, more))
    -- and after
    lives(("%s + %d after the first box"):format(kind, more), ([[
      local box = sandbox.new {memory = 2^30, cpu = 20}
      box:opensandbox()
      assert(box:dostring("return 1") == 1)
      limit(%q, %d)
      use(box)
      for _ = 1, 50 do
        local ok, other = pcall(sandbox.new, {memory = 2^28})
        checked("another", ok, other)
        if ok then checked("its run", pcall(other.dostring, other, "return 1")) end
      end
    ]]):format(kind, more))
  end
end

host.done()
