-- chart.lua <directory> <chart.svg>: draws the figures that have a goal, a panel for each, from what bench/one.lua has written.
-- Readable on light and dark pages; a missed goal is told by a sign as well as by its colour, and all numbers stand in the
-- description.
package.path = "./?.lua;" .. package.path
local figures = require "bench.figures"
local results = require "bench.results"

local directory, target = arg[1], arg[2]
local rows, luas = results.read(directory)

local WIDTH, COLUMNS, MARGIN = 840, 3, 14
local PANEL = (WIDTH - MARGIN) / COLUMNS
local BAR, STEP, TOP = 11, 15, 36
local NAME, VALUE = 96, 56

-- Short titles; a figure without one isn't drawn.
local TITLES = {
  ["new"] = { "New box, closed again", "by a plain Lua state" },
  ["run"] = { "New box, limits, run, close", "by a plain Lua state" },
  ["call"] = { "Call into a box", "cost", "≤ 2 × pcall, LuaJIT ≤ 250 ns" },
  ["callback"] = { "Call from a box to its host", "cost" },
  ["loop"] = { "Code inside: loop", "by the same outside" },
  ["fib"] = { "Code inside: fib", "by the same outside" },
  ["churn"] = { "Code inside: table churn", "by the same outside" },
  ["strings"] = { "Code inside: string building", "by the same outside" },
  ["crowd-time"] = { "10,000 live boxes: to make one", "CPU time" },
  ["crowd-resident"] = { "10,000 live boxes: memory of one", "resident", "≤ 36 KB, LuaJIT ≤ 48 KB" },
  ["lines-host"] = { "stream:lines()", "speed, times stock io.lines" },
  ["lines-box"] = { "io.lines() in a box", "speed, times stock io.lines" },
  ["write-host"] = { "stream:write of 64 bytes", "speed, times stock f:write", "≥ 1.5, LuaJIT ≥ 1" },
  ["write-box"] = { "io.write in a box", "speed, times stock f:write" },
  ["tables"] = { "1,000 tables in and back", "by two deep copies" },
  ["rollback"] = { "Rollback of a small box", "by a plain Lua state" },
  ["stop-hard"] = { "Hard stop, p99: past the limit", "real time" },
}

-- Costs are drawn where what they are compared with is nothing on LuaJIT.
local function drawn(figure, lua)
  local on = figures.on(figure, lua)
  if figure.id ~= "call" then return on end
  return setmetatable({ value = "cost" }, { __index = on })
end

local function escaped(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["\""] = "&quot;" }))
end

local svg, told = {}, {}
local function put(format, ...) svg[#svg + 1] = format:format(...) end

-- The bars of a panel: ours on each Lua, then the peers.
local function bars(figure)
  local list = {}
  for _, lua in ipairs(luas) do
    local row = rows[lua].safelua and rows[lua].safelua[figure.id]
    if row then
      local on = drawn(figure, lua)
      local own = figures.on(figure, lua)
      local goal = own.most or own.least
      -- A goal that is a ratio, beside bars that are costs.
      if own.value == "ratio" and on.value == "cost" then goal = goal * row.against end
      list[#list + 1] = { name = results.title(lua), value = figures.value(on, row), text = results.value(on, row), goal = goal,
        class = figures.met(own, row) == false and "missed" or "met" }
    end
  end
  if #list == 0 then return list end
  for _, peer in ipairs { { "5.1", "rings" }, { "5.1", "php-luasandbox" }, { "jit", "lupa" } } do
    local lua, who = peer[1], peer[2]
    local row = rows[lua] and rows[lua][who] and rows[lua][who][figure.id]
    if row then
      local on = drawn(figure, lua)
      list[#list + 1] = { name = who, value = figures.value(on, row), text = results.value(on, row), class = "peer" }
    end
  end
  return list
end

local function panel(figure, list, x, y)
  local title, under, goals = TITLES[figure.id][1], TITLES[figure.id][2], TITLES[figure.id][3]
  under = under .. "; goal " .. (goals or results.goal(figure))
  local limit = 0
  for _, bar in ipairs(list) do limit = math.max(limit, bar.value, bar.goal or 0) end
  local left, room = x + NAME, PANEL - NAME - VALUE - MARGIN
  put('<text class="title" x="%.0f" y="%.0f">%s</text>', x, y + 12, escaped(title))
  put('<text class="under" x="%.0f" y="%.0f">%s</text>', x, y + 26, escaped(under))
  local words = {}
  for i, bar in ipairs(list) do
    local at = y + TOP + (i - 1) * STEP
    local ends = math.max(1, room * bar.value / limit)
    put('<text class="name" x="%.0f" y="%.0f">%s</text>', left - 6, at + 9.5, escaped(bar.name))
    put('<rect class="%s" x="%.0f" y="%.0f" width="%.1f" height="%d"/>', bar.class, left, at, ends, BAR)
    if bar.goal then
      local goal = room * bar.goal / limit
      put('<line class="goal" x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f"/>', left + goal, at - 2, left + goal, at + BAR + 2)
      -- The number doesn't stand on the line.
      if goal > ends - 4 and goal < ends + VALUE then ends = goal end
    end
    local sign = bar.class == "missed" and " ✗" or ""
    put('<text class="value" x="%.1f" y="%.0f">%s%s</text>', left + ends + 5, at + 9.5, escaped(bar.text), sign)
    words[#words + 1] = bar.name .. " " .. bar.text .. (sign ~= "" and " (missed)" or "")
  end
  told[#told + 1] = ("%s, %s: %s."):format(title, under, table.concat(words, ", "))
end

local panels = {}
for _, figure in ipairs(figures.list) do
  local list = TITLES[figure.id] and bars(figure) or {}
  if #list > 0 then panels[#panels + 1] = { figure = figure, bars = list } end
end

local y = 62
for first = 1, #panels, COLUMNS do
  local most = 0
  for i = first, math.min(first + COLUMNS - 1, #panels) do
    panel(panels[i].figure, panels[i].bars, MARGIN + (i - first) * PANEL, y)
    most = math.max(most, #panels[i].bars)
  end
  y = y + TOP + most * STEP + 16
end

local STYLE = [[
text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; font-size: 11px; }
.page { fill: #ffffff; } .head { font-size: 16px; font-weight: 600; } .title { font-size: 12px; font-weight: 600; }
.under { fill: #59636e; font-size: 10px; } .name { text-anchor: end; } .value { font-variant-numeric: tabular-nums; }
.met { fill: #1a7f64; } .missed { fill: #c4500c; } .peer { fill: #8c959f; }
.goal { stroke: #1f2328; stroke-dasharray: 3 2; stroke-width: 1.2; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .page { fill: #0d1117; } .under { fill: #9198a1; }
  .met { fill: #3fb896; } .missed { fill: #f0883e; } .peer { fill: #6e7681; } .goal { stroke: #f0f6fc; }
}]]

local function key(x, class, text)
  put('<rect class="%s" x="%d" y="36" width="11" height="11"/><text x="%d" y="45.5">%s</text>', class, x, x + 16, text)
end

local body = svg
svg = {}
put('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">',
  WIDTH, y, WIDTH, y)
put('<title id="t">safelua: what boxes cost, on five Luas</title>')
put('<desc id="d">%s</desc>', escaped(table.concat(told, " ")))
put("<style>%s</style>", STYLE)
put('<rect class="page" width="%d" height="%d"/>', WIDTH, y)
put('<text class="head" x="%d" y="23">safelua: what boxes cost, on five Luas</text>', MARGIN)
key(MARGIN, "met", "goal met")
key(MARGIN + 90, "missed", "goal missed ✗")
key(MARGIN + 205, "peer", "other libraries")
put('<line class="goal" x1="%d" y1="34" x2="%d" y2="49"/><text x="%d" y="45.5">goal</text>', MARGIN + 322, MARGIN + 322, MARGIN + 330)
local file = assert(io.open(target, "w"))
file:write(table.concat(svg, "\n"), "\n", table.concat(body, "\n"), "\n</svg>\n")
file:close()
