-- The recipe of docs/nginx.md, as it stands there: only paths, the port, and what Debian's own nginx.conf has around it are put in.
local check = require("check")
local shell = require("shell")

local page = assert(shell.read("docs/nginx.md"))
local conf = assert(page:match("```nginx\n(.-)```"), "the page has no configuration")
local snippet = assert(page:match("```lua\n(.-)```"), "the page has no snippet")

local home = shell.temporary .. "/recipe"
local address

-- Gives the text with `old` replaced, which must be there.
local function put(text, old, new)
  local from, to = text:find(old, 1, true)
  assert(from, "the recipe lacks " .. old)
  local rest = text:sub(to + 1)
  return text:sub(1, from - 1) .. new .. (rest:find(old, 1, true) and put(rest, old, new) or rest)
end

local function start()
  local parts = assert(shell.run("scripts/nginx-parts"):match("%S+"))
  local root = shell.run("pwd"):match("%S+")
  shell.run(("mkdir -p %s/tmp %s/lua && cp %s/build/jit/sandbox.so %s && cp -r %s/usr/share/lua/5.1 %s/share")
    :format(home, home, root, home, parts, home))
  shell.write(home .. "/lua/snippet.lua", snippet)
  local text = put(put(put(conf, "/etc/nginx/lua/?.lua", home .. "/share/?.lua"), "/etc/nginx/lua/snippet.lua", home .. "/lua/snippet.lua"),
    "/usr/local/lib/lua/5.1", home)
  -- More than the recipe: boxes have run in the master by the time it forks.
  text = put(text, 'require("sandbox")', [[
    local sandbox = require("sandbox")
    assert(sandbox.run("return 1") == 1 and not pcall(sandbox.run, "while true do end", { cpu = 0.01 }))]])
  local user = shell.run("id -u"):match("%d+") == "0" and "user www-data;" or ""
  local temporary = {}
  for _, name in ipairs { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" } do
    temporary[#temporary + 1] = ("%s_temp_path %s/tmp/%s;"):format(name, home, name)
  end
  local libraries = shell.run(("echo %s/usr/lib/*-linux-gnu* %s/lib/*-linux-gnu*"):format(parts, parts)):match("[^\n]+"):gsub(" ", ":")
  for _ = 1, 5 do
    local port = math.random(20000, 40000)
    shell.write(home .. "/nginx.conf", ([[
load_module %s/usr/lib/nginx/modules/ndk_http_module.so;
load_module %s/usr/lib/nginx/modules/ngx_http_lua_module.so;
%s worker_processes 2; pid %s/nginx.pid; error_log %s/error.log notice;
events {}
http { access_log off; %s
%s}
]]):format(parts, parts, user, home, home, table.concat(temporary, " "), put(text, "127.0.0.1:8090", "127.0.0.1:" .. port)))
    local pid = shell.start(("exec env LD_LIBRARY_PATH=%s %s/usr/sbin/nginx -p %s -e %s/error.log -c %s/nginx.conf -g 'daemon off;'")
      :format(libraries, parts, home, home, home), home .. "/start.log")
    shell.wait("nginx to start", function() return shell.read(home .. "/nginx.pid") or not shell.alive(pid) end)
    if shell.alive(pid) then
      address = ("http://127.0.0.1:%d/run"):format(port)
      return pid
    end
  end
  error(tostring(shell.read(home .. "/start.log")) .. tostring(shell.read(home .. "/error.log")), 0)
end

-- Also where the module was used before the fork: each worker has its own clock.
check.case("the recipe of docs/nginx.md works as it stands", function()
  local pid = start()
  local function ask(code)
    shell.write(home .. "/code", code)
    return shell.run(("curl -s -m 120 -w '%%{http_code}' --data-binary @%s/code %s"):format(home, address))
  end
  check.equal("two and two is\t4\n200", ask('print("two and two is", 2 + 2)'))
  for _ = 1, 6 do
    check.contains("cpu limit of 0.05 s exceeded\n422", ask("print('so far') while true do end"))
  end
  check.equal('[string "local t t.x = 1"]:1: attempt to index local \'t\' (a nil value)\n422', ask("local t t.x = 1"))
  check.equal("(error object is a table value)\n422", ask("error({})"))
  check.equal("200", ask(""))
  -- As many as one client may have at once.
  local said = shell.run(("for i in 1 2 3 4; do curl -s -m 120 -w '%%{http_code}' --data-binary 'print(1)' %s & done; wait")
    :format(address))
  check.equal(4, select(2, said:gsub("200", "")), said)
  check.truth(shell.stop(pid), "it had to be killed")
  local log = shell.read(home .. "/error.log")
  check.truth(not log:find("signal 11", 1, true) and not log:find("[alert]", 1, true), log)
end)
