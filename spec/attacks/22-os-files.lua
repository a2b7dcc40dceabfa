-- class: escape
-- correct: os has clock, date, time, difftime, getenv and exit: nothing that makes, renames or deletes a file, or
--   tells whether one exists
-- expect: held
-- versions: all

local hits = {}
local function try(name, fn, ...)
  if type(fn) ~= "function" then return end
  local ok, a = pcall(fn, ...)
  if ok and a then hits[#hits + 1] = name end
  return ok and a
end
local o, i = type(os) == "table" and os or {}, type(io) == "table" and io or {}
local tmp = try("os.tmpname", o.tmpname)
local fh = try("io.tmpfile", i.tmpfile)
if fh then pcall(fh.close, fh) end
if type(tmp) == "string" then
  try("os.rename", o.rename, tmp, tmp .. ".x")
  try("os.remove", o.remove, tmp .. ".x")
  pcall(o.remove or print, tmp)
else
  -- a denied call must not say whether the file exists
  local _, _, e1 = pcall(o.remove or error, "/nonexistent/file")
  if e1 and tostring(e1):find("No such file", 1, true) then hits[#hits + 1] = "os.remove errno" end
end
print(#hits > 0 and "ESCAPED: " .. table.concat(hits, ", ") or "HELD")
