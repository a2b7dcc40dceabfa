-- compare.lua <directory> <COUNTS.md> <base> <lua>...: compares what bench/count/run has counted with the table in COUNTS.md, in
-- percent, and fails where a count has grown by more than GROWN; if <base> is not empty, writes the counts into the table
-- instead.
local directory, baseline, base = arg[1], arg[2], arg[3]
local luas = { "5.1", "5.2", "5.3", "5.4", "jit" }
-- Two runs of the same build differ by less.
local GROWN = 5

local KINDS = {
  { "new", "`sandbox.new():close()`" },
  { "run", "new with limits, `dostring \"return 1\"`, close" },
  { "call", "call into a box, integer in and out" },
  { "callback", "call from a box to a host function" },
  { "parcel", "100 small tables into a box and back" },
  { "line", "a line of 64 bytes read in a box" },
  { "write", "64 bytes written in a box" },
}

local function lines_of(path)
  local lines, file = {}, io.open(path)
  if file then
    for line in file:lines() do lines[#lines + 1] = line end
    file:close()
  end
  return lines
end

-- counts[lua][name], and the line that says when
local function read_base()
  local counts, when = {}, {}
  for _, lua in ipairs(luas) do counts[lua] = {} end
  for _, line in ipairs(lines_of(baseline)) do
    local name, rest = line:match("^| (%l+) |[^|]*|(.*)$")
    if name then
      local column = 0
      for cell in rest:gmatch("%s*([^|]*)%s*|") do
        column = column + 1
        if luas[column] then counts[luas[column]][name] = tonumber((cell:gsub("[ ,]", ""))) end
      end
    end
    local lua, text = line:match("^%- (%S+): (.*)$")
    if lua then when[lua] = text end
  end
  return counts, when
end

local function grouped(number)
  return (("%d"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("l") or ""
  pipe:close()
  return text
end

local function write_base(counts, when)
  local lines = {
    "# Instructions, by kind of work", "",
    "The baseline of `make count`, written by `make count BASE=1`: instructions that one turn takes in user space, as valgrind's",
    "cachegrind counts them. A noisy machine doesn't change them by more than 2 %, so a regression shows. What valgrind makes slow (some",
    "50 times) takes the roads of slow calls: the signals are looked at and the CPU clock is read more often than in earnest. Another",
    "compiler or C library, another baseline.", "",
    "| | work | 5.1 | 5.2 | 5.3 | 5.4 | LuaJIT |", "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
  }
  for _, kind in ipairs(KINDS) do
    local cells = { kind[1], kind[2] }
    for _, lua in ipairs(luas) do cells[#cells + 1] = counts[lua][kind[1]] and grouped(counts[lua][kind[1]]) or "–" end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  lines[#lines + 1] = ""
  for _, lua in ipairs(luas) do
    if when[lua] then lines[#lines + 1] = "- " .. lua .. ": " .. when[lua] end
  end
  local file = assert(io.open(baseline, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  print("written: " .. baseline)
end

local counts, when = read_base()
local grown = {}
print(("%-50s%-8s%14s%14s%9s"):format("instructions for one turn", "Lua", "now", "baseline", ""))
for i = 4, #arg do
  local lua, now = arg[i], {}
  for _, line in ipairs(lines_of(directory .. "/" .. lua .. ".counts")) do
    local name, count = line:match("^(%l+) (%d+)$")
    now[name] = tonumber(count)
  end
  for _, kind in ipairs(KINDS) do
    local name, what = kind[1], kind[2]
    local count, before = assert(now[name], "no count of " .. name .. " on " .. lua), counts[lua][name]
    local change = before and (count / before - 1) * 100
    print(("%-50s%-8s%14s%14s%9s"):format((what:gsub("`", "")), lua, grouped(count), before and grouped(before) or "-",
      change and ("%+.1f %%"):format(change) or ""))
    if change and change > GROWN then grown[#grown + 1] = ("%s on %s: %+.1f %%"):format(name, lua, change) end
    if base ~= "" then counts[lua][name] = count end
  end
  when[lua] = os.date("!%Y-%m-%d") .. ", commit " .. output_of("git describe --always --dirty --exclude='*' 2>/dev/null") .. ", "
    .. output_of("rustc --version") .. ", " .. output_of("valgrind --version")
end
if base ~= "" then
  write_base(counts, when)
elseif #grown > 0 then
  print(("grown by more than %d %%: %s"):format(GROWN, table.concat(grown, "; ")))
  os.exit(1)
end
