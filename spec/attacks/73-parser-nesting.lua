-- class: crash
-- correct: "too many syntax levels" or "C stack overflow", whatever stack the host has
-- expect: held|stop stack
-- versions: all
-- note: levels are counted per state; what matters is the C stack that they need

local compile = loadstring or load
if not compile then print "HELD" return end
local forms = {
  { "return ", "(", "1", ")" }, { "return ", "{", "", "}" }, { "return ", "not ", "1", "" },
  { "return ", "- ", "1", "" }, { "return ", "a..", "a", "" }, { "return ", "2^", "2", "" },
  { "return ", "function() return ", "1", " end" }, { "", "do ", "", " end" },
  { "", "while x do ", "", " end" }, { "", "if x then ", "", " end" }, { "return ", "a[", "1", "]" },
  { "return ", "f{", "", "}" }, { "return ", "f(", "", ")" }, { "", "a,", "a", " = 1" },
  { "", "local function f() ", "", " end" }, { "", "for i = 1, 2 do ", "", " end" }, { "", "repeat ", "", " until x" },
}
for _, f in ipairs(forms) do
  for _, n in ipairs { 150, 195, 250, 1000, 20000 } do
    local tail = f[4] == " = 1" and " = 1" or f[4]:rep(n)
    pcall(compile, f[1] .. f[2]:rep(n) .. f[3] .. tail)
  end
end
print "HELD"
