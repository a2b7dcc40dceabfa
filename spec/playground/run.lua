-- The playground's test: starts it on a free port, and asks it by curl and in a headless Chromium.
--   luajit spec/playground/run.lua                              all cases; ends with `N passed, N failed`
--   luajit spec/playground/run.lua --screenshot FILE            only draws the picture for the README
-- From the checkout's root, with build/jit/sandbox.so built. Any Lua does.

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path

local check = require("check")
local server = require("server")
local shell = require("shell")

local function suite()
  server.start()
  if arg[1] == "--screenshot" then
    require("screenshot")(assert(arg[2], "no file is named"))
    return
  end
  for _, part in ipairs(arg[1] and arg or { "programs", "crowd", "page", "recipe" }) do
    -- A part that can't even begin is a failure like any other, and the next ones still run.
    local ok, message = xpcall(function() require(part) end, debug.traceback)
    if not ok then check.case(part, function() error(message, 0) end) end
  end
  check.case("the server ends when it is told to, and complained of nothing", function()
    local log = server.log()
    check.truth(shell.stop(server.pid), "it had to be killed")
    for _, bad in ipairs { "[alert]", "[crit]", "[emerg]", "lua entry thread aborted", "exited on signal", "runtime error" } do
      check.truth(not log:find(bad, 1, true), log)
    end
  end)
end

local ok, message = xpcall(suite, debug.traceback)
if not ok then check.case("the test itself", function() error(message, 0) end) end
pcall(shell.clean)
if arg[1] ~= "--screenshot" or check.failed > 0 then
  print(("%d passed, %d failed"):format(check.passed, check.failed))
end
os.exit(check.failed == 0 and 0 or 1)
