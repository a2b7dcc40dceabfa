-- Debian's Prosody with the module of docs/hosts/prosody.md: sessions over XMPP on loopback, in plain text.
--   LUA_CPATH='build/5.4/?.so;;' lua5.4 spec/hosts/prosody.lua

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local checks, pages = require "checks", require "pages"
local mime, socket = require "mime", require "socket"

local PATIENCE = 20 -- seconds that anything may take on a loaded machine

local directory = checks.directory()
local module_text = pages.named(here .. "/../../docs/hosts/prosody.md", "mod_box_bot.lua")

local function free_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return port
end

-- The server -------------------------------------------------------------------------------------------------------

local CONFIGURATION = [[
run_as_root = true
daemonize = false
pidfile = "%s/pid"
data_path = "%s"
plugin_paths = { "%s" }
interfaces = { "127.0.0.1" }
c2s_ports = { %d }
s2s_ports = { }
http_ports = { }
https_ports = { }
modules_enabled = { "roster", "saslauth", "disco" }
modules_disabled = { "s2s", "tls" }
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = { info = "%s/log" }
VirtualHost "localhost"
Component "bot.localhost" "box_bot"
]]

local server = {}

function server.start()
  local port = free_port()
  local d = directory
  checks.write(d .. "/config.lua", CONFIGURATION:format(d, d, d, port, d))
  checks.write(d .. "/mod_box_bot.lua", module_text)
  checks.output_of(("mkdir -p %s/localhost/accounts %s/certs"):format(d, d))
  for _, name in ipairs { "ann", "bob" } do
    checks.write(("%s/localhost/accounts/%s.dat"):format(d, name), 'return { ["password"] = "secret" }\n')
  end
  -- In a session of its own, so that it gets no signal meant for the test; never longer than the test may take.
  local command = ("cd %s && setsid timeout 240 prosody -F --config %s/config.lua >%s/out 2>&1 </dev/null & echo $!"):format(d, d, d)
  server.pid, server.port = checks.output_of(command):match("%d+"), port
end

-- True while the process is there and no zombie, as in a container whose first process reaps nothing.
function server.alive()
  local state = server.pid and checks.read("/proc/" .. server.pid .. "/stat"):match("%) (%a)")
  return state ~= nil and state ~= "Z"
end

function server.stop()
  if server.pid then checks.output_of("kill " .. server.pid) end
end

function server.log()
  return checks.read(directory .. "/log") .. checks.read(directory .. "/out")
end

-- A client ---------------------------------------------------------------------------------------------------------

local Client = {}
Client.__index = Client

-- Reads until the pattern is there; gives its captures and drops what it has read.
function Client:expect(pattern)
  local stop = socket.gettime() + PATIENCE
  while true do
    local first, last = self.buffer:find(pattern)
    if first then
      local found = self.buffer:sub(first, last)
      self.buffer = self.buffer:sub(last + 1)
      return found:match(pattern)
    end
    socket.select({ self.socket }, nil, 1)
    local data, message, part = self.socket:receive(8192)
    self.buffer = self.buffer .. (data or part or "")
    if not data and message ~= "timeout" then error(message .. " while waiting for " .. pattern .. "; there was " .. self.buffer) end
    if socket.gettime() > stop then error("nothing came of " .. pattern .. "; there was " .. self.buffer) end
  end
end

function Client:open()
  self.socket:send("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    .. "xmlns:stream='http://etherx.jabber.org/streams'>")
  return self:expect("<stream:features>(.-)</stream:features>")
end

function Client.login(name)
  local self = setmetatable({ buffer = "" }, Client)
  self.socket = assert(socket.connect("127.0.0.1", server.port))
  self.socket:settimeout(0)
  checks.holds(self:open(), "<mechanism>PLAIN</mechanism>")
  self.socket:send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
    .. mime.b64("\0" .. name .. "\0secret") .. "</auth>")
  self:expect("<success ")
  self:open()
  self.socket:send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
  self:expect("<jid>" .. name .. "@localhost/[^<]*</jid>")
  self.socket:send("<presence/>")
  return self
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&apos;", ['"'] = "&quot;" }
local LETTERS = { amp = "&", lt = "<", gt = ">", apos = "'", quot = '"' }

function Client:say(body, kind)
  self.socket:send(("<message type='%s' to='bot.localhost'><body>%s</body></message>"):format(kind or "chat",
    (body:gsub("[&<>'\"]", ENTITIES))))
end

-- What the bot answers.
function Client:ask(body)
  self:say(body)
  local answer = self:expect("<message [^>]*from='bot%.localhost'[^>]*><body>(.-)</body>")
  return (answer:gsub("&(%a+);", LETTERS))
end

-- The checks -------------------------------------------------------------------------------------------------------

local check, same, holds = checks.check, checks.same, checks.holds
local ann, bob

local started = check("Prosody starts with the module, and takes a session", function()
  local stop = socket.gettime() + PATIENCE
  server.start()
  repeat
    socket.sleep(0.1)
    local ok, client = pcall(Client.login, "ann")
    ann = ok and client or nil
    -- Somebody else may have taken the port meanwhile.
    if not server.alive() then server.start() end
    if socket.gettime() > stop then error("no session: " .. tostring(client) .. "\n" .. server.log()) end
  until ann
  bob = Client.login("bob")
end)

if started then
  check("a command is answered with what it printed and returned", function()
    same("42", ann:ask("!lua print(6 * 7)"))
    same("a & <b>\n7\nnil\ntable", ann:ask("!lua print('a & <b>') return 7, nil, {}"))
    same("(nothing)", ann:ask("!lua local x = 1"))
  end)
  check("each user has a state that lasts", function()
    same("1", ann:ask("!lua x = (x or 0) + 1 return x"))
    same("2", ann:ask("!lua x = (x or 0) + 1 return x"))
    same("nil", bob:ask("!lua return x"))
  end)
  check("nothing of the server is to be seen", function()
    same("nil\nnil\nnil\nnil\nnil", bob:ask("!lua return os.execute, prosody, module, io.popen, (io.open('/etc/passwd'))"))
    holds(bob:ask("!lua require 'util.jid'"), "module 'util.jid' not found")
  end)
  check("an endless loop is stopped, and the state is there afterwards", function()
    holds(ann:ask("!lua while true do pcall(error) end"), "cpu limit of 0.05 s exceeded")
    same("3", ann:ask("!lua x = x + 1 return x"))
    same("still there", bob:ask("!lua return 'still there'"))
  end)
  check("so are a long C call, a flood, and hunger for memory", function()
    holds(bob:ask("!lua return ('a'):rep(40):find(('a*'):rep(40) .. 'b')"), "cpu limit")
    holds(ann:ask("!lua while true do print('again') end"), "output limit of 1000 bytes exceeded")
    holds(ann:ask("!lua local t = {} while true do t[#t + 1] = ('x'):rep(1e4) .. #t end"), "not enough memory")
    same("nil", ann:ask("!lua return x"))
    same(2000, #ann:ask("!lua return ('x'):rep(1e5)"))
  end)
  check("what XML can't hold is not sent", function()
    same("a?b?c", ann:ask("!lua return 'a\\0b\\27c'"))
    same("??x", ann:ask("!lua return '\\255\\254x'"))
    same("grün", ann:ask("!lua return 'grün'"))
    holds(ann:ask("!lua return ('ü'):rep(5000)"), "üüü")
  end)
  check("other messages are not answered, errors least of all", function()
    ann:say("hello")
    ann:say("!lua return 'an error'", "error")
    same("after them", ann:ask("!lua return 'after them'"))
  end)
  check("Prosody is alive, without an error in its log, and ends when told to", function()
    assert(server.alive(), "it is gone")
    assert(not server.log():find("\terror\t"), server.log())
    server.stop()
    local stop = socket.gettime() + PATIENCE
    while server.alive() do
      assert(socket.gettime() < stop, "it does not end")
      socket.sleep(0.05)
    end
  end)
end

server.stop()
checks.output_of("rm -rf " .. checks.quoted(directory))
checks.finish()
