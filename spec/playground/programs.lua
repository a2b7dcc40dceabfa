-- What the server does with programs, asked by curl.
local check = require("check")
local server = require("server")
local shell = require("shell")

local case, equal, contains = check.case, check.equal, check.contains

case("the page and its parts are served, with a policy that lets nothing else in", function()
  for path, part in pairs({
    [""] = "<title>safelua playground</title>",
    ["page.js"] = "fetch(",
    ["page.css"] = "prefers-color-scheme",
    ["editor.js"] = "class Editor",
    ["icon.svg"] = "<svg",
    ["examples/endless.lua"] = "while true do",
  }) do
    local body, status, headers = server.request(path)
    equal(200, status, path)
    contains(part, body, path)
    contains("content-security-policy: default-src 'none'", headers, path)
    contains("x-content-type-options: nosniff", headers, path)
    check.truth(not body:find("https?://[^w1]"), path .. " names another server")
  end
  equal("cpu 0.1\nmemory 16777216\noutput 65536\nwall 30\n", (server.request("limits")))
  for _, path in ipairs { "playground.lua", "nginx.conf", "../playground.lua", "sandbox.so", "examples/" } do
    local _, status = server.request(path, "--path-as-is")
    check.truth(status >= 400, path .. " is served")
  end
end)

case("a program's output comes in order, with what it used", function()
  local result = server.run('print("one") io.stderr:write("two\\n") io.write("three")')
  equal("one\nthree", result.stdout)
  equal("two\n", result.stderr)
  equal("stdout stderr stdout", table.concat(result.order, " ", 1, 3))
  equal(13, result.usage.output)
  check.truth(result.usage.memory > 10000 and result.usage.cpu < 0.1, "usage is plausible")
  equal("ready", result["end"].status)
  equal(nil, result.error)
end)

case("any bytes arrive as they were written, however they are cut", function()
  equal("\0\255\10stdout 5\n\195|", server.run('io.write("\\0\\255\\10stdout 5\\n\\195") io.write("|")').stdout)
  local result = server.run('for i = 1, 10000 do io.write(i, " ") end')
  local expected = {}
  for i = 1, 10000 do expected[i] = i .. " " end
  equal(table.concat(expected), result.stdout)
end)

case("an endless loop is stopped by its cpu limit, and its line is told", function()
  local result = server.run('print("before")\nlocal n = 0\nwhile true do\n  pcall(function() n = n + 1 end)\nend')
  equal("before\n", result.stdout)
  contains("cpu limit of 0.1 s exceeded", result.error)
  equal("exhausted", result["end"].status)
  equal("cpu", result["end"].limit)
  check.truth(result["end"].line == 3 or result["end"].line == 4, "line " .. tostring(result["end"].line))
end)

case("one long C call is stopped, too", function()
  local result = server.run('string.rep("a", 40):find(("a?"):rep(40) .. ("a"):rep(40))')
  equal("cpu", result["end"].limit)
end)

case("memory and output are bounded", function()
  local result = server.run('local t = {} while true do t[#t + 1] = ("x"):rep(1e5) .. #t end')
  contains("not enough memory", result.error)
  check.truth(result.usage.memory <= 16 * 2 ^ 20, "more memory than allowed")
  result = server.run('while true do print("chatter") end')
  equal(65536, #result.stdout)
  equal("output", result["end"].limit)
  equal(1, result["end"].line)
end)

case("errors come with their line and traceback", function()
  local result = server.run("local t\n\nlocal function f() return t.x end\nf()")
  equal("main:3: attempt to index upvalue 't' (a nil value)", result.error)
  equal(3, result["end"].line)
  contains("main:4: in main chunk", result.traceback)
  equal("main:2: unexpected symbol near '='", server.run("x = 1\nx = = 2").error)
  equal("(error object is a table value)", server.run("error({})").error)
  equal(3, server.run("os.exit(3)")["end"].exit)
  local slept = server.run("\nsleep('long')")
  equal("main:2: bad argument #1 to 'sleep' (number expected, got string)", slept.error)
  equal(2, slept["end"].line)
end)

case("programs see nothing of nginx, and nothing of one another", function()
  equal("nil\tnil\tnil\tfalse\tnil\n",
    server.run('print(ngx, os.execute, io.popen, (pcall(require, "ffi")), (io.open("/etc/passwd")))').stdout)
  local preloaded = server.run([[for name in pairs(package.preload) do if not name:find("^table%.") then print(name) end end]]).stdout
  equal("", preloaded, "modules of this LuaJIT")
  for _ = 1, 8 do
    equal("nil\n", server.run('print(left) left = 1 string.left = 1').stdout)
  end
end)

case("sleep lets others run: from coroutines, for no time at all, for ever", function()
  equal("1\n2\n3\n", server.run([[
    local co = coroutine.wrap(function() for i = 1, 3 do sleep(0) coroutine.yield(i) end end)
    for _ = 1, 3 do print(co()) end]]).stdout)
  equal("on\n", server.run("sleep(-1) sleep(0/0) sleep(1e-9) print('on')").stdout)
end)

case("what is no program is refused in words", function()
  local body, status = server.request("run")
  equal(405, status)
  equal("send the program with POST\n", body)
  -- A form on another site can send this.
  body, status = server.request("run", "-H 'Content-Type: text/plain' --data-binary 'print(1)'")
  equal(415, status)
  equal("send the program as text/x-lua\n", body)
  shell.write(shell.temporary .. "/large.lua", ("-- x\n"):rep(20000))
  body, status = server.request("run", "-H 'Content-Type: text/x-lua' --data-binary @" .. shell.temporary .. "/large.lua")
  equal(413, status)
  equal("the program is larger than 64 KB\n", body)
  equal("exactly 64 KB\n", server.run('print("exactly 64 KB")' .. (" "):rep(65536 - 22)).stdout)
  equal("", server.run("").stdout)
end)

case("a client that goes away takes its program along", function()
  local heard = shell.temporary .. "/heard"
  local client = shell.start(("exec curl -s -N -H 'Content-Type: text/x-lua' -d 'while true do sleep(0.05) end' %srun")
    :format(server.address), heard)
  shell.wait("the program's beginning", function() return (shell.read(heard) or ""):find("usage", 1, true) end)
  shell.stop(client)
  shell.wait("the program's end", function() return server.log():find("the client went away", 1, true) end)
end)
