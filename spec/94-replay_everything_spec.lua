--- sandbox.replay: the same outputs, errors and counts, in this process and in another.

local helpers = require "spec.helpers"
local recorded = require "spec.recorded"

describe("sandbox.replay", function()
  after_each(helpers.tidy)

  -- What a chunk shows of everything that could differ from run to run. Globals: `ask`, a host function that fails
  -- when asked for a second time.
  local EVERYTHING = [[
    local shown = {}
    function say(...)
      local texts = {}
      for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
      shown[#shown + 1] = table.concat(texts, " ")
    end
    for _ = 1, 5 do say(math.random(1000), math.random()) end
    local t = {}
    for i = 1, 40 do t[{}] = i t["k" .. i] = i t[function() return i end] = -i end
    for _, v in pairs(t) do say(v) end
    local names = {}
    for name, library in pairs(_G) do
      if type(library) == "function" then names[library] = name end
      if type(library) == "table" then for key, f in pairs(library) do names[f] = key end end
    end
    -- What is in no library: arithmetic of strings, what iterates.
    for event, f in pairs(getmetatable("")) do names[f] = event end
    if utf8 then names[utf8.codes("")] = "codes" names[utf8.codes("", true)] = "lax codes" end
    names[pairs({})], names[ipairs({})], names[string.gmatch("", "")] = "pairs", "ipairs", "gmatch"
    for _, name in pairs(names) do say(name) end
    say(t, print, next, coroutine.create(function() end), io.stdout)
    say(os.time(), os.clock(), os.date(), os.getenv("HOME"), os.getenv("NONE"))
    say(io.read(), io.read("*n"), io.read(5), io.read("*a"), io.read())
    say(ask(1, { 2 }, "x"))
    say(pcall(ask, "again"))
    local wrapped = coroutine.wrap(function(a)
      for i = 1, 3 do a = coroutine.yield(a .. i, ask("inside", i)) end
      return "end"
    end)
    say(wrapped("p"), wrapped("q"), wrapped("r"), wrapped("s"))
    -- Finalizers run where the collector comes to them, and ask.
    local gone = 0
    local function finalizer() gone = gone + 1 ask("gone", gone) say("gone", gone, collectgarbage("count")) end
    for _ = 1, 20 do
      if newproxy then getmetatable(newproxy(true)).__gc = finalizer else setmetatable({}, { __gc = finalizer }) end
    end
    for i = 1, 3000 do local _ = { i, "s" .. i } end
    collectgarbage()
    say(collectgarbage("count"))
    print(#shown, "lines")
    io.stdout:write("written", 1, "\n")
    say(pcall(string.rep, "x", 2 ^ 30))
    local list = {}
    local ok, why = pcall(function() for i = 1, 1e7 do list[i] = "item " .. i end end)
    list = nil
    collectgarbage()
    say(ok, why)
    say(pcall(error, { 1 }))
    function double(x) return 2 * x, say end
    text = table.concat(shown, "\n")
    return double, #shown
  ]]

  -- Records a box that does all of it, and is stopped by each kind of limit; gives the journal, what it has written, and
  -- what a replay should have in its globals.
  local function everything()
    local box, finish = recorded { memory = 2 * 2 ^ 20, instructions = 2e7 }
    local input = helpers.handle("one\n2.5 four and five\nthe rest")
    box:stdin(input)
    local output = helpers.captured(box)
    box:env(function(name) if name == "HOME" then return "/nowhere" end end)
    local asked = 0
    box:set("ask", function(...)
      asked = asked + 1
      if asked == 2 then error("not again", 0) end
      return asked, { list = { ... } }
    end)
    local double = box:dostring(EVERYTHING)
    assert.equal(42, (double(21)))
    helpers.raises(function() box:dostring("error('as raised', 0)") end, "as raised")
    helpers.raises(function() box:dostring("syntax error") end, "syntax error")
    box:limits { output = 10, instructions = math.huge }
    helpers.raises(function() box:dostring("print('12345') print('and too much')") end, "output limit of 10 bytes exceeded")
    box:limits { output = math.huge, instructions = 50000 }
    helpers.raises(function() box:dostring("m = 0 while true do m = m + 1 end") end, "instructions limit of 50000 instructions exceeded")
    box:limits { instructions = math.huge, cpu = 0.02 }
    helpers.raises(function()
      box:dostring("n = 0 print('before') while true do n = n + 1 last = { n } end")
    end, "cpu limit of 0.02 s exceeded")
    local status = { box:status() }
    box:limits { cpu = 5, wall = 0.02 }
    if status[1] == "exhausted" then
      helpers.raises(function() box:dostring("k = 0 while true do k = k + 1 end") end, "wall limit of 0.02 s exceeded")
      box:limits { wall = math.huge }
    end
    local names = { "text", "m", "n", "k" }
    local values = {}
    for i, name in ipairs(names) do values[i] = status[1] == "exhausted" and tostring(box:get(name)) end
    if status[1] == "exhausted" then
      values[5] = table.concat({ box:dostring("return collectgarbage('count') .. tostring({}) .. tostring(double) .. math.random()") })
      values[6] = box:usage().instructions .. " " .. box:usage().output
    end
    input:close()
    local text = output()
    return finish(), text, values
  end

  -- As Lua code: what asserts that the journal at the path given repeats.
  local CHECK = [[
    local sandbox = require "sandbox"
    local journal_path, text_path, values = ...
    local file = assert(io.open(journal_path, "rb"))
    local output = assert(io.tmpfile())
    local box, events, why = sandbox.replay(file, { stdout = output })
    file:close()
    assert(events > 60 and why == nil, tostring(events) .. tostring(why))
    output:seek("set")
    local text = io.open(text_path, "rb"):read("*a")
    assert(output:read("*a") == text, "another output")
    if box:status() == "ready" then
      for i, name in ipairs { "text", "m", "n", "k" } do
        assert(tostring(box:get(name)) == values[i], name .. ": " .. tostring(box:get(name)):sub(1, 100))
      end
      assert(box:usage().instructions .. " " .. box:usage().output == values[6], "other counts")
    end
    box:close()
  ]]

  it("repeats everything, in this process and in another", function()
    local journal, text, values = everything()
    local journal_path, text_path = helpers.file(journal), helpers.file(text)
    local list = {}
    for i, value in ipairs(values) do list[i] = ("%q"):format(tostring(value)) end
    local code = ("local check = (loadstring or load)(%q) check(%q, %q, { %s }) io.write('as recorded')")
      :format(CHECK, journal_path, text_path, table.concat(list, ", "))
    local check = assert((rawget(_G, "loadstring") or load)(CHECK))
    check(journal_path, text_path, values)
    for _ = 1, 2 do
      assert.same({ "as recorded", 0 }, { helpers.in_process(code) })
    end
    -- The whole text was compared, so it is worth comparing.
    assert(values[1] == false or select(2, values[1]:gsub("\n", "")) > 100)
  end)
end)
