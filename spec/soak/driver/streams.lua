-- The driver's streams: handles backed by functions that do any operation, and plain files.
local soak, values, model = ...
local sandbox = soak.sandbox
local random, one_in, pick = soak.random, soak.one_in, soak.pick
local try = model.try

local MOST = 10
local FORMATS = { "*l", "*n", "*a", 1, 0, 300, "*L", "*x" }

local streams = {}
local open = {}

local function reader()
  model.callback()
  if one_in(3) then return nil end
  if one_in(20) then return values.any() end
  return values.string()
end

-- On LuaJIT what was written is delivered at any instruction of the driver's own, whose books are not in order then.
local writer = model.callback
if soak.is_jit then
  writer = function(s) streams.written = (streams.written or 0) + #s end
end

-- Closes the stream from inside its own callback, now and then.
local function closing(place, f)
  return function(...)
    if one_in(25) and place.handle then try(place.handle.close, place.handle) end
    return f(...)
  end
end

local function make()
  local place = {}
  local ok, handle
  if one_in(5) then
    ok, handle = true, io.tmpfile()
    if handle then handle:write("one\n2 3\nlast") handle:seek("set") end
  else
    ok, handle = try(sandbox.newstream, not one_in(4) and closing(place, reader) or nil,
      not one_in(3) and closing(place, writer) or nil, one_in(3) and model.callback or nil)
  end
  if not ok or not handle then return model.failed("newstream: %s", tostring(handle)) end
  place.handle = one_in(2) and handle or nil
  open[#open < MOST and #open + 1 or random(MOST)] = handle
  return handle
end

local deeds = {
  function(f) try(f.write, f, values.scalar(), "text") end,
  function(f) try(f.write, f, values.string()) end,
  function(f) try(f.read, f, pick(FORMATS), pick(FORMATS)) end,
  function(f) try(f.read, f) end,
  function(f) try(function() for line in f:lines() do if #line > 1000 then break end end end) end,
  function(f) try(f.flush, f) end,
  function(f) try(f.seek, f, pick { "set", "cur", "end" }, 0) end,
  function(f) try(f.setvbuf, f, pick { "no", "full", "line" }, random(4096)) end,
  function(f) if not io.type(f) or not tostring(f):find("file", 1, true) then model.failed("tostring(stream)") end end,
  function(f) if one_in(3) then try(f.close, f) end end,
}

--- A stream, old or new, open or closed.
function streams.any()
  if open[1] and not one_in(8) then return pick(open) end
  return make()
end

function streams.act()
  local f = streams.any()
  if f then pick(deeds)(f) end
end

function streams.close()
  for _, f in ipairs(open) do try(f.close, f) end
  open = {}
end

return streams
