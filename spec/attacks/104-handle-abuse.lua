-- class: crash
-- correct: methods of a handle check what they are given; closing and collecting by hand is ordinary, and for the box
--   alone
-- expect: held
-- versions: all
-- note: the metatable of handles and its __gc may be reached as in stock Lua; the harness finds the host's stream
--   still open

local mt = getmetatable(io.stderr)
local wrong = { {}, 1, "x", print, false, coroutine.create(function() end), setmetatable({}, { __index = {} }), newproxy and newproxy(true) or {} }
if type(mt) == "table" then wrong[#wrong + 1] = select(2, pcall(setmetatable, {}, mt)) end
local functions = {}
local function collect(t)
  for _, f in pairs(type(t) == "table" and t or {}) do
    if type(f) == "function" then functions[#functions + 1] = f end
  end
end
collect(mt)
collect(type(mt) == "table" and mt.__index)
for _, method in ipairs { "read", "write", "lines", "close", "flush", "seek", "setvbuf" } do
  functions[#functions + 1] = assert(io.stderr[method], "no method " .. method)
end
for _, f in ipairs(functions) do
  pcall(f)
  for _, w in ipairs(wrong) do
    pcall(f, w)
    pcall(f, w, w)
  end
end

local handles = { io.stderr, io.stdin }
for round = 1, 3 do
  for _, h in ipairs(handles) do
    pcall(h.close, h)
    if type(mt) == "table" and mt.__gc then
      pcall(mt.__gc, h)
      pcall(mt.__gc, h)
    end
    pcall(h.write, h, "late")
    pcall(h.read, h, 1)
    pcall(h.lines, h)
    pcall(h.seek, h)
    pcall(tostring, h)
    pcall(io.type, h)
    pcall(io.output, h)
    pcall(io.write, "late")
    pcall(io.input, h)
    pcall(io.read, "*l")
    pcall(io.output, io.stdout)
  end
end
handles = nil
io.stderr, io.stdin = nil, nil
for i = 1, 3 do collectgarbage() end
pcall(io.read)
print "\nHELD"
pcall(io.close)
pcall(io.stdout.close, io.stdout)
if type(mt) == "table" then
  for k in pairs(mt) do mt[k] = nil end
  mt.__gc, mt.__name = print, {}
end
pcall(print, "after the close")
pcall(io.write, "after the close")
io.stdout = nil
for i = 1, 3 do collectgarbage() end
