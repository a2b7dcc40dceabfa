-- links.lua md|html FILE-OR-FOLDER...: whether the relative links of these pages lead to files, and to headings that there are.

local kind, wrong = arg[1], 0

local function read(path)
   local file = io.open(path, "rb")
   local text = file and file:read("a")
   if file then
      file:close()
   end
   return text
end

local function complain(page, link, what)
   wrong = wrong + 1
   print(page .. ": " .. link .. ": " .. what)
end

-- A heading's anchor, as GitHub makes it.
local function anchors_of_md(text)
   local anchors = {}
   for heading in ("\n" .. text:gsub("```.-\n```", "")):gmatch("\n#+ ([^\n]+)") do
      anchors[heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")] = true
   end
   return anchors
end

local function anchors_of_html(text)
   local anchors = {}
   for name in text:gmatch('name%s*=%s*"([^"]+)"') do
      anchors[name] = true
   end
   for name in text:gmatch('id%s*=%s*"([^"]+)"') do
      anchors[name] = true
   end
   return anchors
end

local patterns = { md = "%]%(([^)%s]+)%)", html = 'href%s*=%s*"([^"]+)"' }
local anchors_of = kind == "html" and anchors_of_html or anchors_of_md

local function check(page)
   local text = assert(read(page), page .. " can't be read")
   local seen = 0
   local prose = kind == "md" and text:gsub("```.-\n```", ""):gsub("`[^`\n]*`", "") or text
   for link in prose:gmatch(patterns[kind]) do
      if not link:find("^%a+:") then
         seen = seen + 1
         local path, anchor = link:match("^([^#]*)#?(.*)$")
         local target = path == "" and page or (page:match("^(.*/)") or "") .. path
         local there = read(target) or os.execute("test -d '" .. target:gsub("'", "") .. "'") and ""
         if not there then
            complain(page, link, "no such file")
         elseif anchor ~= "" and not anchors_of(there)[anchor:gsub("%%(%x%x)", function(x)
            return string.char(tonumber(x, 16))
         end)] then
            complain(page, link, "no such heading")
         end
      end
   end
   return seen
end

local pages = {}
for i = 2, #arg do
   if kind == "html" then
      local pipe = assert(io.popen("find '" .. arg[i] .. "' -name '*.html'"))
      for page in pipe:lines() do
         pages[#pages + 1] = page
      end
      pipe:close()
   else
      pages[#pages + 1] = arg[i]
   end
end
local links = 0
for _, page in ipairs(pages) do
   links = links + check(page)
end
print(("%d links in %d pages, %d wrong"):format(links, #pages, wrong))
os.exit(wrong == 0 and links > 0)
