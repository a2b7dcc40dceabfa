-- What a host may give as the option `files`: wrong things are errors that name them, before anything is made or kept open;
-- the table is read once, without its metamethods, and what becomes of it later changes nothing.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local dir = os.tmpname()
os.remove(dir)
assert(os.execute("mkdir -p " .. dir .. "/in && echo inside > " .. dir .. "/in/a"))

local function open_below()
  local file = assert(io.open("/proc/self/stat"))
  local pid = file:read("*n")
  file:close()
  local pipe = assert(io.popen(("ls -l /proc/%d/fd | grep -c %s"):format(pid, dir)))
  local n = pipe:read("*n")
  pipe:close()
  return n
end

local function refused(files, pattern) host.raises(pattern, sandbox.new, { files = files }) end

for _, value in ipairs { true, "x", print, coroutine.create(function() end), io.stdout } do
  refused(value, "option 'files': table or number expected, got %a+")
  refused({ ["/ok"] = dir, ["/x"] = value == "x" and 1 or value }, "option 'files%[\"/x\"%]': table or string expected, got %a+")
  refused({ ["/x"] = { path = value == "x" and 1 or value } }, "option 'files%[\"/x\"%]%.path': string expected, got %a+")
  if value ~= true then
    refused({ ["/x"] = { path = dir, write = value } }, "option 'files%[\"/x\"%]%.write': boolean expected, got %a+")
  end
end
for _, number in ipairs { -1, 0.5, 0 / 0 } do refused(number, "option 'files'") end
refused({ dir }, "option 'files': paths inside are strings")
refused({ [dir .. "\0"] = dir }, "the path has a zero byte")
refused({ ["/" .. ("x"):rep(5000)] = dir }, "the path is too long")
refused({ [""] = dir }, "a path that begins with '/' expected")
refused({ ["/x"] = { path = dir, [1] = 2 } }, "unknown option 'files%[\"/x\"%]%.1'")
refused({ ["/x"] = { path = dir, [{}] = 2 } }, "unknown option 'files%[\"/x\"%]%.table'")
refused({ ["/x"] = { path = dir .. "/in/a" } }, "cannot open .-: Not a directory")
refused({ ["/x"] = { path = "/proc/self/mem" } }, "cannot open .-: Not a directory")
refused({ ["/x"] = { path = ("x"):rep(100000) } }, "cannot open .-: File name too long")
refused({ ["/ok"] = dir, ["/x"] = dir .. "/missing" }, "option 'files%[\"/x\"%].path': cannot open .-: No such file or directory")
local cycle = {}
cycle["/x"] = cycle
refused(cycle, "option 'files%[\"/x\"%]")
host.equal(open_below(), 0, "directories open after refusals")

-- Metamethods don't run.
local ran = false
local function trap() ran = true end
local trapped = { __index = trap, __pairs = trap, __len = trap, __call = trap, __tostring = trap }
local box = sandbox.new { files = setmetatable({ ["/"] = setmetatable({ path = dir .. "/in" }, trapped) }, trapped) }
assert(not ran, "a metamethod of the options ran")
refused({ ["/"] = setmetatable({}, { __index = { path = dir } }) }, "path': string expected, got nil")

-- The tables are the host's to change.
local grant = { path = dir .. "/in" }
local files = { ["/"] = grant }
local other = sandbox.new { files = files }
grant.write, grant.path, files["/etc"] = true, "/etc", "/etc"
host.equal(other:dostring("return (io.open('a'):read('*l'))"), "inside")
host.equal(select(3, other:dostring("return io.open('a', 'w')")), 30, "errno")
host.equal(other:dostring("return (io.open('/etc/passwd'))"), nil)

-- Many grants, and many boxes with the same.
local many = {}
for i = 1, 200 do many["/d" .. i] = dir .. "/in" end
local crowd = sandbox.new { files = many }
host.equal(crowd:dostring("return (io.open('/d200/a'):read('*l'))"), "inside")
box:close() other:close() crowd:close()
host.equal(open_below(), 0, "directories open after the close")

os.execute("rm -rf " .. dir)
host.done()
