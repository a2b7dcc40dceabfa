-- Debian's Neovim, headless, with the module of docs/hosts/neovim.md: what a user types is sent to it from outside.
--   LUA_CPATH_JIT='build/jit/?.so' lua5.4 spec/hosts/neovim.lua

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local checks, pages = require "checks", require "pages"
local check, same, quoted = checks.check, checks.same, checks.quoted

local PATIENCE = 30 -- seconds that anything may take on a loaded machine
local cpath = assert(os.getenv("LUA_CPATH_JIT"), "LUA_CPATH_JIT is not set")

local directory = checks.directory()
checks.output_of("mkdir " .. quoted(directory .. "/lua"))
checks.write(directory .. "/lua/boxed.lua", pages.named(here .. "/../../docs/hosts/neovim.md", "lua/boxed.lua"))
checks.write(directory .. "/init.lua", ([[
vim.opt.runtimepath:prepend(%q)
vim.opt.swapfile = false
require "boxed"
]]):format(directory))

local address = directory .. "/socket"
-- Nothing of the user's own: neither configuration nor what was edited last.
local environment = ("HOME=%s XDG_CONFIG_HOME=%s XDG_DATA_HOME=%s XDG_STATE_HOME=%s LUA_CPATH=%s"):format(
  quoted(directory), quoted(directory), quoted(directory), quoted(directory), quoted(cpath .. ";;"))
local pid = checks.output_of(("%s setsid timeout 240 nvim --headless -i NONE -u %s --listen %s >%s 2>&1 </dev/null & echo $!"):format(
  environment, quoted(directory .. "/init.lua"), quoted(address), quoted(directory .. "/out"))):match("%d+")

local function alive()
  local state = checks.read("/proc/" .. pid .. "/stat"):match("%) (%a)")
  return state ~= nil and state ~= "Z"
end

local function remote(how, text)
  return checks.output_of(("%s timeout %d nvim --server %s --remote-%s %s"):format(
    environment, PATIENCE, quoted(address), how, quoted(text)))
end

-- What an expression of Vim's gives, as Neovim prints it to the shell.
local function ask(expression)
  return (remote("expr", expression):gsub("\n$", ""))
end

-- Types a command line. Its effect is waited for: what is asked next may be answered before it.
local function type_command(line)
  remote("send", "<C-\\><C-n>:" .. line:gsub("<", "<lt>") .. "<CR>")
end

local function lines(...)
  ask(("[deletebufline('%%', 1, '$'), setline(1, %s)]"):format(("['" .. table.concat({ ... }, "','") .. "']")))
end

local function buffer()
  return ask([[join(getline(1, '$'), '|')]])
end

local function messages()
  return ask([[execute('messages')]])
end

-- Asserts that what `get` gives comes to hold, or to be, this text.
local function soon(get, part, whole)
  local stop = os.time() + PATIENCE
  while true do
    local text = get()
    if whole and text == part or not whole and text:find(part, 1, true) then return end
    if os.time() > stop then error(("%q does not become %q"):format(text, part), 2) end
    checks.output_of("sleep 0.05")
  end
end

local function becomes(part, get) soon(get, part, true) end

local started = check("Neovim starts with the module", function()
  local stop = os.time() + PATIENCE
  while ask("1 + 1") ~= "2" do
    assert(alive(), checks.read(directory .. "/out"))
    assert(os.time() < stop, "it does not answer")
    checks.output_of("sleep 0.1")
  end
  same("2", ask("exists(':Boxed')"))
  same("", checks.read(directory .. "/out"))
end)

if started then
  check("a snippet runs over the lines, and what it prints is shown", function()
    lines("one", "two", "three")
    type_command("Boxed local n = 0 for line in io.lines() do n = n + #line end print(n .. ' letters')")
    soon(messages, "11 letters")
    becomes("one|two|three", buffer)
  end)
  check("with ! it is a filter, over a range too", function()
    type_command("2,3Boxed! for line in io.lines() do print(line:upper()) end")
    becomes("one|TWO|THREE", buffer)
    type_command("Boxed! local n = 0 for _ in io.lines() do n = n + 1 end print(n)")
    becomes("3", buffer)
  end)
  check("an endless snippet is stopped, the lines are as they were, and Neovim goes on", function()
    lines("kept")
    type_command("Boxed! print('half') while true do pcall(error) end")
    soon(messages, "cpu limit of 0.5 s exceeded")
    same("kept", buffer())
    same("4", ask("2 + 2"))
    assert(alive(), "it is gone")
  end)
  check("so is one that LuaJIT has compiled, and one that is hungry", function()
    type_command("messages clear")
    type_command("Boxed local n = 0 while true do n = n + 1 end")
    soon(messages, "cpu limit of 0.5 s exceeded")
    type_command("Boxed local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end")
    -- Or a crash in compiled code, where memory runs out there: the box's end, not Neovim's.
    soon(function()
      local said = messages()
      return (said:find("not enough memory", 1, true) or said:find("killed", 1, true) or said:find("fault", 1, true)) and "stopped" or said
    end, "stopped")
    same("4", ask("2 + 2"))
  end)
  check("a snippet has nothing of the editor's", function()
    type_command("Boxed! for i, v in pairs { vim or 1, os.execute or 2, io.popen or 3, io.open('/etc/passwd') or 4 } do print(i == v) end")
    becomes("true|true|true|true", buffer)
    lines("x")
    type_command("Boxed! print(select(2, pcall(require, 'ffi')))")
    soon(buffer, "module 'ffi' not found")
  end)
  check("from :lua, with what a box returns and raises", function()
    same("42", ask([[luaeval('require("sandbox").run("return 6 * 7", { cpu = 0.1 })')]]))
    type_command([[lua vim.g.raised = select(2, pcall(require "sandbox".run, "while true do end", { cpu = 0.1 }))]])
    soon(function() return ask("g:raised") end, "cpu limit of 0.1 s exceeded")
    lines("granted")
    type_command([[lua local box = require "sandbox".new() box:set("line", vim.fn.getline) vim.g.line = box:dostring("return line(1)")]])
    becomes("granted", function() return ask("g:line") end)
  end)
  check("a hundred boxes come and go, and Neovim ends when told to", function()
    type_command([[lua for i = 1, 100 do assert(require "sandbox".run("return ...", nil, i) == i) end vim.g.done = 100]])
    becomes("100", function() return ask("g:done") end)
    remote("send", "<C-\\><C-n>:qall!<CR>")
    local stop = os.time() + PATIENCE
    while alive() do
      assert(os.time() < stop, "it does not end")
      checks.output_of("sleep 0.05")
    end
  end)
end

if alive() then checks.output_of("kill " .. pid) end
checks.output_of("rm -rf " .. quoted(directory))
checks.finish()
