-- A headless Chromium, driven by chromedriver: WebDriver over HTTP, by curl.
local json = require("dkjson")
local shell = require("shell")

local browser = {}
local base, session, driver
local spread = rawget(_G, "unpack") or table.unpack

-- WebDriver's names of keys.
local KEYS = { Control = "\238\128\137", Shift = "\238\128\136", Enter = "\238\128\135", Tab = "\238\128\132", Escape = "\238\128\140",
  Down = "\238\128\149", Up = "\238\128\147", Home = "\238\128\145", End = "\238\128\144" }

local function ask(method, path, body)
  local file = shell.temporary .. "/ask.json"
  shell.write(file, json.encode(body or setmetatable({}, { __jsontype = "object" })))
  local data = method == "POST" and ("-H 'Content-Type: application/json' --data-binary @" .. shell.quote(file)) or ""
  local said = shell.run(("curl -s -m 180 -X %s %s %s"):format(method, data, shell.quote(base .. path)))
  local answer = json.decode(said, 1, nil)
  assert(type(answer) == "table", "no answer from chromedriver: " .. said)
  local value = answer.value
  if type(value) == "table" and value.error then error(value.error .. ": " .. tostring(value.message):sub(1, 600), 2) end
  return value
end

local function within(method, path, body) return ask(method, "/session/" .. session .. path, body) end

function browser.start()
  local log = shell.temporary .. "/chromedriver.log"
  local folder = shell.temporary .. "/chromium"
  shell.run("mkdir -p " .. folder)
  driver = shell.start(("exec env TMPDIR=%s HOME=%s chromedriver --port=0"):format(folder, folder), log)
  local port = shell.wait("chromedriver to start", function()
    assert(shell.alive(driver), "chromedriver does not run: " .. tostring(shell.read(log)))
    return (shell.read(log) or ""):match("started successfully on port (%d+)")
  end)
  base = "http://127.0.0.1:" .. port
  -- As root, in a container, without a screen.
  local arguments = { "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--force-device-scale-factor=1", "--window-size=1280,800" }
  local wanted = { capabilities = { alwaysMatch = {
    browserName = "chrome",
    ["goog:chromeOptions"] = { args = arguments },
    ["goog:loggingPrefs"] = { browser = "ALL" },
    timeouts = { script = 150000, pageLoad = 150000 },
  } } }
  -- chromedriver gives Chromium a minute to start, which a very busy machine may not have.
  for attempt = 1, 3 do
    local ok, answer = pcall(ask, "POST", "/session", wanted)
    if ok then
      session = answer.sessionId
      return
    elseif attempt == 3 then
      error(answer, 0)
    end
  end
end

function browser.stop()
  if session then pcall(within, "DELETE", "") end
  if driver then shell.stop(driver) end
  session, driver = nil, nil
end

function browser.open(address) within("POST", "/url", { url = address }) end

-- Runs JavaScript in the page; a promise is waited for.
function browser.js(script, ...)
  return within("POST", "/execute/sync", { script = script, args = setmetatable({ ... }, { __jsontype = "array" }) })
end

-- Waits until a JavaScript expression is true.
function browser.wait(expression)
  local ok, message = pcall(browser.js, ([[
    return new Promise((done) => {
      const look = () => { try { if (%s) return done(true); } catch (e) {} setTimeout(look, 30); };
      look();
    });]]):format(expression))
  if not ok then
    error(("%s\nwaited in vain for: %s\nthe page says: %s"):format(message, expression, browser.js("return document.body.innerText")), 2)
  end
end

-- Presses and releases keys: `Control+Enter`, `Tab`, or a character (no `+`).
function browser.press(...)
  local actions = setmetatable({}, { __jsontype = "array" })
  for _, chord in ipairs { ... } do
    local down = {}
    for name in chord:gmatch("[^+]+") do down[#down + 1] = KEYS[name] or name end
    for i = 1, #down do actions[#actions + 1] = { type = "keyDown", value = down[i] } end
    for i = #down, 1, -1 do actions[#actions + 1] = { type = "keyUp", value = down[i] } end
  end
  within("POST", "/actions", { actions = { { type = "key", id = "keyboard", actions = actions } } })
end

function browser.type(text)
  local keys = {}
  for character in text:gmatch(".") do keys[#keys + 1] = character == "\n" and "Enter" or character end
  browser.press(spread(keys))
end

local function element(selector)
  local found = within("POST", "/element", { using = "css selector", value = selector })
  local _, id = next(found)
  return "/element/" .. id
end

function browser.click(selector) within("POST", element(selector) .. "/click") end

-- What assistive technology is told of an element.
function browser.name_and_role(selector)
  local path = element(selector)
  return within("GET", path .. "/computedlabel"), within("GET", path .. "/computedrole")
end

local function devtools(command, parameters)
  return within("POST", "/goog/cdp/execute", { cmd = command, params = parameters })
end

function browser.scheme(name)
  devtools("Emulation.setEmulatedMedia", { features = { { name = "prefers-color-scheme", value = name } } })
end

function browser.size(width, height)
  devtools("Emulation.setDeviceMetricsOverride", { width = width, height = height, deviceScaleFactor = 1, mobile = false })
end

-- The nodes of the accessibility tree, as { role, name, description }.
function browser.accessibility()
  local list = {}
  for _, node in ipairs(devtools("Accessibility.getFullAXTree", { depth = 50 }).nodes) do
    if not node.ignored then
      list[#list + 1] = { role = node.role and node.role.value, name = node.name and node.name.value or "",
        description = node.description and node.description.value or "" }
    end
  end
  return list
end

-- What the page has complained of since the last time.
function browser.complaints()
  local list = {}
  for _, entry in ipairs(within("POST", "/se/log", { type = "browser" })) do list[#list + 1] = entry.message end
  return table.concat(list, "\n")
end

function browser.screenshot(file)
  shell.write(file .. ".base64", within("GET", "/screenshot"))
  local _, status = shell.run(("base64 -d %s >%s && rm %s"):format(shell.quote(file .. ".base64"), shell.quote(file),
    shell.quote(file .. ".base64")))
  assert(status == 0, "no screenshot")
end

return browser
