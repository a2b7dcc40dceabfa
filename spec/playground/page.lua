-- The page, in a headless Chromium: as it is used, by keyboard alone, and as assistive technology sees it.
local browser = require("browser")
local check = require("check")
local server = require("server")
local shell = require("shell")

local case, equal, contains = check.case, check.equal, check.contains
local js = browser.js

local function text(id) return js("return document.getElementById(arguments[0]).textContent", id) end
local function focused() return js("return document.activeElement.id || document.activeElement.tagName") end

local function fresh()
  browser.open(server.address)
  browser.wait("'ready' in document.documentElement.dataset")
end

-- Puts a program into the editor as if it had been pasted.
local function program(code)
  js([[const area = document.getElementById("program"); area.focus(); area.select();
    document.execCommand("insertText", false, arguments[0]);]], code)
end

local function status(start)
  browser.wait(("document.getElementById('status').textContent.startsWith(%q)"):format(start))
end

local function gauge(id, what)
  local value = js("return document.getElementById(arguments[0]).getAttribute('aria-value' + arguments[1])", id, what)
  return tonumber(value) or value
end

local function marked()
  return js([[return [document.querySelector("#numbers .bad")?.textContent ?? "", document.querySelector("#paint .bad")?.textContent ?? "",
    document.getElementById("program").getAttribute("aria-invalid") ?? ""].join("|")]])
end

browser.start()

case("type, run, see output", function()
  fresh()
  check.truth(#js("return document.getElementById('program').value") > 50, "an example is there to begin with")
  browser.click("#program")
  browser.press("Control+a")
  browser.type("for i = 1, 3 do\nprint('row', i)\nend")
  equal("for i = 1, 3 do\nprint('row', i)\nend", js("return document.getElementById('program').value"))
  equal("123", text("numbers"))
  equal("for i = 1, 3 doprint('row', i)end", text("paint"))
  browser.click("#run")
  status("Finished after")
  equal("row\t1\nrow\t2\nrow\t3\n", text("output"))
  equal("|| ", marked() .. " ")
  check.truth(js("return document.getElementById('problem').hidden"), "no problem is shown")
  check.truth(gauge("cpu", "now") > 0 and gauge("written", "now") == 18 and gauge("written", "max") == 65536, "the gauges moved")
end)

case("output comes while the program runs, and Stop ends it", function()
  fresh()
  local gone = select(2, server.log():gsub("the client went away", ""))
  program("print('first')\nwhile true do sleep(0.05) end")
  browser.click("#run")
  browser.wait("document.getElementById('output').textContent === 'first\\n'")
  equal("Running…", text("status"))
  equal("false", js("return document.getElementById('stop').getAttribute('aria-disabled')"))
  browser.click("#stop")
  status("Stopped by you")
  equal("true", js("return document.getElementById('stop').getAttribute('aria-disabled')"))
  equal("first\n", text("output"))
  shell.wait("the program's end", function() return select(2, server.log():gsub("the client went away", "")) > gone end)
end)

case("a loop meets its limit: gauge, words and line", function()
  fresh()
  program("print('in')\n\nwhile true do end")
  browser.press("Control+Enter")
  status("Stopped in line 3 by the cpu limit.")
  equal("in\n", text("output"))
  equal("main:3: cpu limit of 0.1 s exceeded", text("problem-message"))
  equal("3|while true do end|true", marked())
  equal(0.1, gauge("cpu", "now"))
  check.truth(js([[const bar = document.querySelector("#cpu div");
    return bar.parentElement.parentElement.classList.contains("full") && bar.offsetWidth === bar.parentElement.offsetWidth]]),
    "the cpu gauge is full")
  contains("of 0.1 s, at its limit", gauge("cpu", "text"))
  program("local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end")
  browser.press("Control+Enter")
  status("Out of memory")
  check.truth(js("return document.getElementById('memory').parentElement.classList.contains('full')"), "the memory gauge is full")
  program("while true do print('chatter') end")
  browser.press("Control+Enter")
  status("Stopped in line 1 by the output limit.")
  equal("64.0 of 64 KB", text("written-text"))
  equal(65536, js("return document.getElementById('output').textContent.length"))
end)

case("an error marks its line until the text changes", function()
  fresh()
  program(("-- filler\n"):rep(80) .. "local t\nprint(t.x)\n" .. ("-- filler\n"):rep(40))
  browser.press("Control+Enter")
  status("Error in line 82.")
  equal("main:82: attempt to index local 't' (a nil value)", text("problem-message"))
  equal("82|print(t.x)|true", marked())
  check.truth(js([[const row = document.querySelector("#paint .bad").getBoundingClientRect();
    const box = document.getElementById("editor").getBoundingClientRect();
    return row.top >= box.top && row.bottom <= box.bottom;]]), "the line is in sight")
  check.truth(js([[const a = document.querySelector("#paint .bad").getBoundingClientRect();
    const b = document.querySelector("#numbers .bad").getBoundingClientRect(); return Math.abs(a.top - b.top) < 1;]]),
    "its number stands beside it")
  contains("main:82: in main chunk", text("trace"))
  browser.click("#go")
  equal("program", focused())
  equal("print(t.x)", js("const a = document.getElementById('program'); return a.value.slice(a.selectionStart, a.selectionEnd)"))
  browser.type("x")
  equal("||", marked())
  program("x = = 2")
  browser.press("Control+Enter")
  status("Error in line 1.")
  contains("unexpected symbol near '='", text("problem-message"))
end)

case("what a program writes is text, whatever it looks like", function()
  fresh()
  program([[io.write("<img src=x onerror=alert(1)>", "\195") io.write("\164 \255\n") io.stderr:write("<b>no</b>")]])
  browser.press("Control+Enter")
  status("Finished after")
  equal("<img src=x onerror=alert(1)>ä \239\191\189\n<b>no</b>", text("output"))
  equal(0, js("return document.querySelectorAll('#output img, #output b').length"))
  equal("<b>no</b>", js("return document.querySelector('#output .stderr').textContent"))
  program("error('<img src=x>')")
  browser.press("Control+Enter")
  status("Error in line 1.")
  equal(0, js("return document.querySelectorAll('#problem img, #paint img').length"))
end)

case("each example runs, or is stopped as it says", function()
  fresh()
  local ends = { countdown = "Finished", primes = "Finished", mistake = "Error in line 11.", endless = "Stopped in line 7 by the cpu",
    memory = "Out of memory", chatter = "Stopped in line 6 by the output", walls = "Finished" }
  for _, name in ipairs(js("return [...document.getElementById('example').options].map((o) => o.value)")) do
    js([[const e = document.getElementById("example"); document.getElementById("program").value = "";
      e.value = arguments[0]; e.dispatchEvent(new Event("change"));]], name)
    browser.wait("document.getElementById('program').value.length > 50")
    browser.click("#run")
    status(assert(ends[name], name))
    ends[name] = nil
  end
  equal(nil, next(ends))
end)

case("the keyboard alone is enough, and nowhere a trap", function()
  fresh()
  local way = {}
  for i = 1, 5 do
    browser.press("Tab")
    way[i] = focused()
  end
  -- Who only passes through the editor is not held.
  equal("example stop run program output", table.concat(way, " "))
  browser.press("Shift+Tab")
  equal("program", focused())
  browser.press("Control+a")
  browser.type("if true then")
  browser.press("Enter", "Tab")
  equal("program", focused(), "Tab while writing")
  browser.type("print('by keys')")
  browser.press("Enter")
  browser.type("x = = 1")
  browser.press("Shift+Tab")
  equal("if true then\n    print('by keys')\nx = = 1", js("return document.getElementById('program').value"))
  browser.press("Control+Enter")
  status("Error in line 3.")
  equal("program", focused(), "running keeps the place")
  browser.press("Escape", "Tab")
  equal("output", focused(), "Escape, then Tab")
  browser.press("Tab")
  equal("go", focused())
  browser.press("Enter")
  equal("program", focused())
  browser.press("Control+a")
  browser.type("print('again')")
  browser.press("Escape", "Shift+Tab")
  equal("run", focused())
  browser.press("Enter")
  status("Finished after")
  equal("again\n", text("output"))
  equal("run", focused())
  -- A selection is indented as a whole, and Ctrl+Z takes it back.
  browser.press("Tab")
  program("a\nb")
  browser.press("Control+a", "Tab")
  equal("    a\n    b", js("return document.getElementById('program').value"))
  browser.press("Control+z")
  equal("a\nb", js("return document.getElementById('program').value"))
end)

case("assistive technology is told what there is, and what happens", function()
  fresh()
  for selector, expected in pairs {
    ["#program"] = "Program textbox", ["#run"] = "Run button", ["#stop"] = "Stop button", ["#example"] = "Example combobox",
    ["#cpu"] = "CPU meter", ["#memory"] = "Memory meter", ["#written"] = "Output meter", ["#output"] = "Output log",
  } do
    local name, role = browser.name_and_role(selector)
    equal(expected, name .. " " .. role)
  end
  equal("status", js("return document.getElementById('status').getAttribute('role')"))
  equal("en", js("return document.documentElement.lang"))
  program("local t = nil\nprint(t.x)")
  browser.press("Control+Enter")
  status("Error in line 2.")
  local seen = {}
  for _, node in ipairs(browser.accessibility()) do
    local operable = node.role == "button" or node.role == "textbox" or node.role == "combobox" or node.role == "meter"
    check.truth(not operable or node.name ~= "", "a " .. tostring(node.role) .. " without a name")
    seen[tostring(node.role)] = true
    if node.role == "textbox" then contains("Esc, then Tab leaves the editor", (node.description:gsub("%s+", " "))) end
    check.truth(node.name ~= "1", "the line numbers are read out")
  end
  for _, role in ipairs { "alert", "status", "log", "meter", "main", "heading", "textbox" } do check.truth(seen[role], "no " .. role) end
end)

-- The contrast of an element's text to what lies behind it, by WCAG's formula.
local CONTRAST = [[
  const rgb = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = rgb(c).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (rgb(c)[3] !== 0) return c; } return "rgb(255, 255, 255)"; };
  return arguments[0].map((selector) => { const e = document.querySelector(selector);
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [selector, (a + 0.05) / (b + 0.05)]; });]]

case("dark and light, each with contrast enough, and no width too small", function()
  fresh()
  program("-- a comment\nlocal a, b = 'text', 1\nprint(a, b) io.stderr:write('oh')\nprint(a.b.c)")
  browser.press("Control+Enter")
  status("Error in line 4.")
  local selectors = { "h1", "h1 span", "header p", "footer p", ".example", "#run", "#stop", "#status", ".keys", ".amount", "#output",
    "#output .stderr", "#problem-message", "#go", "summary", "#numbers div", "#numbers .bad", "#paint .comment", "#paint .word",
    "#paint .string", "#paint .number", "#paint .bad span" }
  local papers = {}
  for _, scheme in ipairs { "light", "dark" } do
    browser.scheme(scheme)
    -- Nothing of the picture is in motion any more.
    js("return Promise.all(document.getAnimations().map((a) => a.finished))")
    for _, one in ipairs(js(CONTRAST, selectors)) do
      check.truth(one[2] >= 4.5, ("%s, %s: contrast %.2f"):format(scheme, one[1], one[2]))
    end
    papers[scheme] = js("return getComputedStyle(document.body).backgroundColor")
    browser.screenshot("build/playground-" .. scheme .. ".png")
  end
  check.truth(papers.light ~= papers.dark, "dark is as light")
  for _, width in ipairs { 320, 700, 1280 } do
    browser.size(width, 800)
    check.truth(js("return document.documentElement.scrollWidth <= innerWidth"), "a page " .. width .. " wide scrolls sideways")
  end
end)

case("the page never complained", function() equal("", browser.complaints()) end)

case("docs/playground.png is a picture of it", function()
  local picture = shell.read("docs/playground.png") or ""
  equal("\137PNG", picture:sub(1, 4))
  check.truth(#picture > 10000 and #picture < 200000, "its size is " .. #picture)
end)

browser.stop()
