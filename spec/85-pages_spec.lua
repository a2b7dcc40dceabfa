--- The Lua code in the Markdown pages is run as it stands, each page as one script: what it prints must be what its comments `-->`
-- say, line by line, with … for any text. Blocks with a name in a comment above them are files, which spec/hosts runs in real hosts.

local helpers = require "spec.helpers"
local pages = require "spec.hosts.pages"

local PAGES = {
  "README.md",
  "docs/grants.md",
  "docs/guide.md",
  "docs/migration.md",
  "docs/hosts/chat-bot.md",
  "docs/hosts/grader.md",
  "docs/hosts/luv.md",
  "docs/hosts/persistence.md",
  "docs/hosts/plugins.md",
}

-- `lua` runs everywhere, `lua 5.4` and `lua 5.1 jit` on those alone.
local function is_for_this_lua(info)
  local words = info:match "^lua%s*(.*)$"
  return words and (words == "" or (" " .. words .. " "):find(" " .. helpers.lua .. " ", 1, true) ~= nil)
end

-- One script with the page's own line numbers, and the lines that it is to print.
local function script_of(path)
  local lines, expected, count = {}, {}, 0
  for _, block in ipairs(pages.blocks(path)) do
    if not block.name and is_for_this_lua(block.info) then
      count = count + 1
      local number = block.line
      for line in block.text:gmatch "([^\n]*)\n" do
        while #lines < number - 1 do lines[#lines + 1] = "" end
        lines[number] = line
        number = number + 1
        local output = line:match "%-%->%s?(.*)$"
        if output then expected[#expected + 1] = output end
      end
    end
  end
  return table.concat(lines, "\n") .. "\n", expected, count
end

local function matches(line, expected)
  return line:find("^" .. expected:gsub("%p", "%%%0"):gsub("…", "\0"):gsub("%%?%z", ".*") .. "$") ~= nil
end

-- Runs it in a process of its own; all that is wrong.
local function mistakes(script, expected)
  -- Named as a page would be, so that messages point there.
  local output, status = helpers.in_process("package.path = './?.lua;' .. package.path\n"
    .. ("local run = assert((loadstring or load)(%q, '@page'))\n"):format(script) .. "run()\n")
  local wrong, printed = {}, {}
  for line in output:gmatch "([^\n]*)\n" do printed[#printed + 1] = line end
  for i = 1, math.max(#printed, #expected) do
    if not expected[i] or not printed[i] or not matches(printed[i], expected[i]) then
      wrong[#wrong + 1] = ("said %s, printed %s"):format(expected[i] or "nothing", printed[i] or "nothing")
    end
  end
  if status ~= 0 then wrong[#wrong + 1] = "status " .. status end
  return wrong
end

describe("the code in", function()
  after_each(helpers.tidy)

  for _, path in ipairs(PAGES) do
    it(path .. " runs, and prints what it says", function()
      local script, expected, count = script_of(path)
      assert(count > 0 and #expected > 0, "no code that says what it prints")
      local wrong = mistakes(script, expected)
      assert(#wrong == 0, path .. ": " .. table.concat(wrong, "\n"))
    end)
  end

  it("a page that is wrong would be found out", function()
    assert.same({}, mistakes("print(1, 'a')\nprint('x.y-z')", { "1\ta", "x…z" }))
    assert.same({ "said 2, printed 1" }, mistakes("print(1)", { "2" }))
    assert.same({ "said 2, printed nothing" }, mistakes("print(1)", { "1", "2" }))
    assert.same({ "said nothing, printed 2" }, mistakes("print(1) print(2)", { "1" }))
    assert.is_true(#mistakes("error('raised')", {}) > 0)
  end)
end)
