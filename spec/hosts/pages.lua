-- The code blocks of Markdown pages, so that tests run what the pages say.

local pages = {}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- All fenced blocks of a page, in order: `info` (what follows the first fence), `text`, `line` (of its first line), and `name`,
-- what an HTML comment in the line above the fence says.
function pages.blocks(path)
  local blocks, open, number, above = {}, nil, 0, ""
  for line in (read(path) .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local info = line:match("^```(.*)$")
    if info and not open then
      open = { info = info, line = number + 1, lines = {}, name = above:match("^<!%-%- (.-) %-%->$") }
    elseif info then
      open.text = table.concat(open.lines, "\n") .. "\n"
      blocks[#blocks + 1], open = open, nil
    elseif open then
      open.lines[#open.lines + 1] = line
    end
    above = line
  end
  assert(not open, path .. ": a fence that is not closed")
  return blocks
end

--- The text of the block with this name.
function pages.named(path, name)
  for _, block in ipairs(pages.blocks(path)) do
    if block.name == name then return block.text end
  end
  error(path .. ": no block named " .. name)
end

return pages
