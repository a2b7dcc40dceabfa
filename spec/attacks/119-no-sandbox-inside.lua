-- class: escape
-- correct: without box:opensandbox the library is not in the box: no global, no require
-- expect: held
-- versions: all

local hits = {}
if rawget(_G, "sandbox") ~= nil then hits[#hits + 1] = "_G.sandbox" end
for _, name in ipairs { "sandbox", "safelua", "_sandbox", "sandbox.core" } do
  if pcall(require, name) then hits[#hits + 1] = "require " .. name end
end
if type(package) == "table" then
  for _, list in ipairs { "loaded", "preload" } do
    if type(package[list]) == "table" and rawget(package[list], "sandbox") ~= nil then hits[#hits + 1] = "package." .. list end
  end
end
print(#hits > 0 and "ESCAPED: " .. table.concat(hits, ", ") or "HELD")
