-- class: escape
-- correct: string.dump is there as in stock Lua; what it gives is refused wherever code is loaded, with nil and a
--   message
-- expect: held
-- versions: all
-- note: the text in front tries tests that look at the first byte alone

local bad
for how, compile in pairs { load = load, loadstring = loadstring } do
  local ok, bin = pcall(string.dump, function() return "native" end)
  if ok then
    assert(bin:byte() == 27, "string.dump gave no bytecode")
    for _, text in ipairs { bin, "#!lua\n" .. bin, "\239\187\191" .. bin, "\n" .. bin, " " .. bin } do
      local ok2, f = pcall(compile, text, "bin")
      -- 5.1's load takes a reader only, so there the string is an ordinary error
      if ok2 and type(f) == "function" then
        local ok3, v = pcall(f)
        bad = how .. " ran " .. tostring(ok3 and v)
      end
    end
  end
end
print(bad and "ESCAPED: bytecode: " .. bad or "HELD")
