-- report.lua <directory> [<RESULTS.md>]: prints the table of what bench/one.lua has written there; with a second name writes it
-- there as well, with the costs, the peers and the machine.
package.path = "./?.lua;" .. package.path
local figures = require "bench.figures"
local machine = require "bench.machine"
local results = require "bench.results"

local directory, target = arg[1], arg[2]
local rows, luas, skipped = results.read(directory)
assert(#luas > 0, "nothing was measured")

local PEERS = { "rings", "php-luasandbox", "lupa" }

local function ours(figure, lua)
  local row = (rows[lua].safelua or {})[figure.id]
  return row, figures.on(figure, lua)
end

-- The goal for all Luas, with LuaJIT's own where it has one.
local function goal_of(figure)
  local goal, jit = results.goal(figure), results.goal(figures.on(figure, "jit"))
  if not goal then return "–" end
  return jit ~= goal and goal .. " (LuaJIT " .. jit .. ")" or goal
end

local function printed()
  local head = ("%-66s %-10s"):format("(ratio of costs; × is a ratio of speeds)", "goal")
  for _, lua in ipairs(luas) do head = head .. ("%11s"):format(results.title(lua)) end
  print(head)
  for _, figure in ipairs(figures.list) do
    local goal = results.goal(figure) or ""
    -- ≤ and ≥ take three bytes for one column, and µ two.
    local line = ("%-66s %s"):format(figure.what, goal .. (" "):rep(10 - #goal:gsub("[\128-\191]", "")))
    for _, lua in ipairs(luas) do
      local row, on = ours(figure, lua)
      local cell = row and results.value(on, row) .. (on.value == "speed" and "×" or "") or "–"
      if row and figures.met(on, row) == false then cell = "*" .. cell end
      line = line .. (" "):rep(11 - #cell:gsub("[\128-\191]", "")) .. cell
    end
    print(line)
  end
  print("* misses its goal; LuaJIT has goals of its own for some (bench/figures.lua)")
  for who, why in pairs(skipped) do print(who .. " skipped: " .. why) end
end

local lines = {}
local function put(...) lines[#lines + 1] = table.concat({ ... }) end

local function header(...)
  local cells, rule = { ... }, {}
  for _, lua in ipairs(luas) do cells[#cells + 1] = results.title(lua) end
  for i = 1, #cells do rule[i] = i <= select("#", ...) and "---" or "---:" end
  put("| ", table.concat(cells, " | "), " |")
  put("| ", table.concat(rule, " | "), " |")
end

local function row_of(cells) put("| ", table.concat(cells, " | "), " |") end

local function goals()
  put "## Goals"
  put ""
  put "Costs as ratios to what is named (smaller is better), but for those marked ×: speeds, where larger is better."
  put "**Bold with a ✗ misses its goal.**"
  put ""
  header("figure", "against", "goal")
  for _, figure in ipairs(figures.list) do
    local cells = { figure.what, figure.against or "–", goal_of(figure) }
    for _, lua in ipairs(luas) do
      local row, on = ours(figure, lua)
      local cell = row and results.value(on, row) .. (on.value == "speed" and " ×" or "") or "–"
      local met = row and figures.met(on, row)
      if met == true then cell = cell .. " ✓" elseif met == false then cell = "**" .. cell .. " ✗**" end
      cells[#cells + 1] = cell
    end
    row_of(cells)
  end
  put ""
end

local function verdicts()
  local met, missed, none = {}, {}, 0
  for _, figure in ipairs(figures.list) do
    local good, bad = {}, {}
    for _, lua in ipairs(luas) do
      local row, on = ours(figure, lua)
      local verdict = row and figures.met(on, row)
      if verdict == true then
        good[#good + 1] = results.title(lua)
      elseif verdict == false then
        bad[#bad + 1] = ("%s (%s, goal %s)"):format(results.title(lua), results.value(on, row), results.goal(on))
      end
    end
    if #good > 0 then met[#met + 1] = "- " .. figure.what .. ": " .. (#bad == 0 and "everywhere" or table.concat(good, ", ")) end
    if #bad > 0 then missed[#missed + 1] = ("- %s: %s"):format(figure.what, table.concat(bad, ", ")) end
    if not results.goal(figure) then none = none + 1 end
  end
  for _, list in ipairs { { "Goal met", met }, { "Goal missed", missed } } do
    put("**", list[1], "**")
    put ""
    put(#list[2] > 0 and table.concat(list[2], "\n") or "- nowhere")
    put ""
  end
  put(none, " figures have no goal; they stand in the tables for comparison. A dash: not there on that Lua.")
  put ""
end

local function costs()
  put "## Costs"
  put ""
  put "What one takes here / what it is compared with takes, and in brackets between which ratios half of the rounds lay."
  put ""
  header("figure")
  for _, figure in ipairs(figures.list) do
    local cells = { figure.what }
    for _, lua in ipairs(luas) do
      local row, on = ours(figure, lua)
      local cell = row and results.cost(on, row.cost) or "–"
      if row and row.against then
        local against, low, high = results.cost(on, row.against), results.short(row.low), results.short(row.high)
        cell = ("%s / %s (%s–%s)"):format(cell, against, low, high)
      elseif row and row.middle then
        cell = cell .. ", median " .. results.cost(on, row.middle)
      end
      cells[#cells + 1] = cell
    end
    row_of(cells)
  end
  put ""
end

local function peers()
  put "## Peers"
  put ""
  put "The same in other libraries that Debian has, taken in the same rounds as the floor of the Lua that each is built with (rings on"
  put "each Lua that it is there for): ratio to the same thing as above, and cost. lupa (Python) and rings set no limits. Their calls send"
  put "a string of code (rings) or look a function up by its name (php-luasandbox)."
  put ""
  local list = {}
  for _, who in ipairs(PEERS) do
    for _, lua in ipairs(luas) do
      if rows[lua][who] then list[#list + 1] = { who = who, lua = lua } end
    end
  end
  if #list > 0 then
    local cells, rule = { "figure" }, { "---" }
    for _, peer in ipairs(list) do cells[#cells + 1], rule[#rule + 1] = peer.who .. ", " .. results.title(peer.lua), "---:" end
    row_of(cells)
    row_of(rule)
    for _, figure in ipairs(figures.list) do
      local any, line = false, { figure.what }
      for _, peer in ipairs(list) do
        local row = rows[peer.lua][peer.who][figure.id]
        any = any or row
        line[#line + 1] = row and ("%s (%s)"):format(results.short(row.ratio), results.cost(figure, row.cost)) or "–"
      end
      if any then row_of(line) end
    end
    put ""
  end
  for who, why in pairs(skipped) do put("- ", who, " was skipped: ", why) end
  if next(skipped) then put "" end
end

printed()
if target then
  put "# What `make bench` measured"
  put ""
  put "Written by `make bench`; don't edit. ![the chart](chart.svg)"
  put ""
  goals()
  verdicts()
  costs()
  peers()
  put "## How, and on what"
  put ""
  put "CPU time of the whole process, the library's own threads included; only stops are in real time. Both of a pair run in each round,"
  put "in turns, and what is given is the median over rounds (`bench/measure.lua`). Crowds: each in a process of its own, three rounds."
  put "\"Limits set\" is memory, cpu and wall, all in force. A stream's pieces are of 64 KB. A table of 1,000 small tables is 1,000"
  put "records of three fields; the copies it is compared with, one for each crossing, keep sharing by a table of what was seen. Calls on"
  put "LuaJIT are compared with what its compiler makes of a loop of pcalls, next to nothing: the cost is what counts there."
  put ""
  for _, line in ipairs(machine.describe(directory)) do put("- ", line) end
  local file = assert(io.open(target, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end
