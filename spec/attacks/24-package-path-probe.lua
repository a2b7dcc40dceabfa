-- class: leak
-- correct: no package path, searcher or message of require tells which host files exist
-- expect: held
-- versions: all

local hits = {}
if type(package) == "table" then
  if package.searchpath then
    local ok, p = pcall(package.searchpath, "passwd", "/etc/?")
    if ok and p then hits[#hits + 1] = "searchpath" end
  end
  if type(package.path) == "string" and package.path:find("/usr", 1, true) then hits[#hits + 1] = "package.path" end
  if require then
    pcall(function() package.path = "/etc/?" package.cpath = "" end)
    local ok, e = pcall(require, "passwd")
    if not ok and type(e) == "string" and e:find("near", 1, true) then hits[#hits + 1] = "require content" end
  end
end
if require then
  local ok, e = pcall(require, "no.such.module.here")
  if not ok and type(e) == "string" and e:find("/usr/", 1, true) then hits[#hits + 1] = "require message paths" end
end
print(#hits > 0 and "ESCAPED: " .. table.concat(hits, ", ") or "HELD")
