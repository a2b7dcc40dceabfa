-- A TCP server in libuv's loop (Debian's lua-luv) that hands each connection to a box: the scripts read their lines and answer,
-- side by side in one thread. Clients and server are one process, on loopback.
--   LUA_CPATH='build/5.4/?.so;;' lua5.4 spec/hosts/libuv.lua

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local checks, pages = require "checks", require "pages"
local uv = require "luv"

local PATIENCE = 60000 -- milliseconds that all may take on a loaded machine
local check, same, holds = checks.check, checks.same, checks.holds

-- The server of docs/hosts/luv.md, as the page has it.
local load_text = rawget(_G, "loadstring") or load
local serve = assert(load_text(pages.named(here .. "/../../docs/hosts/luv.md", "server.lua"), "=server.lua"))()

local ECHO = [[
local line = receive()
while line do
  lines = (lines or 0) + 1
  send(lines .. " " .. line:upper() .. "\n")
  line = receive()
end
]]

local failures = {}
local server, port = serve(ECHO, function(message) failures[#failures + 1] = tostring(message) end)

-- A client that sends these pieces, one after each answer, and then hangs up; `done` gets all that came.
local function client(pieces, done)
  local tcp, got, next_piece = uv.new_tcp(), {}, 1
  local function send()
    local piece = pieces[next_piece]
    next_piece = next_piece + 1
    if piece then tcp:write(piece) else tcp:shutdown() end
  end
  tcp:connect("127.0.0.1", port, function(failure)
    if failure then return done("connect: " .. failure) end
    tcp:read_start(function(broken, data)
      if data then
        got[#got + 1] = data
        send()
      else
        tcp:close()
        done(table.concat(got), broken)
      end
    end)
    send()
  end)
end

-- Turns the loop until all these clients are done; gives what they got.
local function talk(conversations)
  local results, open = {}, #conversations
  local timer = uv.new_timer()
  timer:start(PATIENCE, 0, function() uv.stop() end)
  for i, pieces in ipairs(conversations) do
    client(pieces, function(text)
      results[i] = text
      open = open - 1
      if open == 0 then uv.stop() end
    end)
  end
  uv.run()
  timer:close()
  same(0, open)
  return results
end

check("one connection is answered line by line", function()
  same("1 HELLO\n2 AGAIN\n", talk({ { "hello\n", "again\n" } })[1])
  same(0, #failures)
end)

check("a hundred at once, each in a box of its own", function()
  local conversations = {}
  for i = 1, 100 do conversations[i] = { "a" .. i .. "\n", "b\n", "c\n" } end
  for i, text in ipairs(talk(conversations)) do same(("1 A%d\n2 B\n3 C\n"):format(i), text) end
  same(0, #failures)
end)

check("a script that loops is stopped and its connection closed; the others are answered", function()
  server:close()
  local script = ECHO:gsub("line:upper%(%)", "(line == 'spin' and spin() or line)")
  server, port = serve("function spin() while true do pcall(error) end end " .. script,
    function(message) failures[#failures + 1] = tostring(message) end)
  local results = talk({ { "one\n", "two\n" }, { "one\n", "spin\n" }, { "one\n", "two\n", "three\n" } })
  same("1 one\n2 two\n", results[1])
  same("1 one\n", results[2])
  same("1 one\n2 two\n3 three\n", results[3])
  same(1, #failures)
  holds(failures[1], "cpu limit of 0.1 s exceeded")
end)

server:close()
checks.finish()
