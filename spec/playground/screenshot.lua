-- The picture of the README: an endless loop that was stopped.
local browser = require("browser")
local server = require("server")

return function(file)
  local ok, message = pcall(function()
    browser.start()
    browser.size(1280, 660)
    browser.scheme("light")
    browser.open(server.address)
    browser.wait("'ready' in document.documentElement.dataset")
    browser.js("const e = document.getElementById('example'); e.value = 'endless'; e.dispatchEvent(new Event('change'));")
    browser.wait("document.getElementById('program').value.includes('off it goes')")
    browser.click("#run")
    browser.wait("document.getElementById('status').textContent.startsWith('Stopped')")
    browser.screenshot(file)
  end)
  browser.stop()
  if not ok then error(message, 0) end
  print("drawn: " .. file)
end
