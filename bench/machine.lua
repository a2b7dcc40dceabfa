-- The machine and the versions that figures were taken with, in lines.
local machine = {}

local function output_of(command)
  local pipe = assert(io.popen("exec 2>/dev/null; " .. command))
  local text = pipe:read("*a"):gsub("%s+$", "")
  pipe:close()
  return text
end

local function content_of(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

--- The lines; the load when the run began lies in directory/load.
function machine.describe(directory)
  local cpu = content_of("/proc/cpuinfo")
  local _, cores = cpu:gsub("processor%s*:", "")
  local model = cpu:match("model name%s*:%s*([^\n]*)") or "unknown"
  local memory = tonumber(content_of("/proc/meminfo"):match("MemTotal:%s*(%d+)")) or 0
  local lines = {
    "Date: " .. os.date("!%Y-%m-%d %H:%M UTC"),
    ("Machine: %s, %d cores, %.0f GB, %s"):format(model, cores, memory / 2 ^ 20, output_of("uname -sr")),
    "Load (1, 5, 15 minutes) when the run began: " .. (content_of(directory .. "/load"):match("^%S+ %S+ %S+") or "unknown"),
    "safelua: commit " .. output_of("git describe --always --dirty --exclude='*'"),
  }
  for _, command in ipairs { "lua5.1 -v", "lua5.2 -v", "lua5.3 -v", "lua5.4 -v", "luajit -v" } do
    local text = output_of("exec 2>&1; " .. command)
    lines[#lines + 1] = text:match("^(%S+ %S+) ") or text
  end
  lines[#lines + 1] = output_of("rustc --version")
  for _, package in ipairs { "lua-rings", "php-luasandbox", "python3-lupa" } do
    local version = output_of("dpkg-query -W -f '${Version}' " .. package)
    if version ~= "" then lines[#lines + 1] = package .. " " .. version end
  end
  return lines
end

return machine
