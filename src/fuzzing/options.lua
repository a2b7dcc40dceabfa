-- Gives a function that makes a box with one table of options (or what is none) and sets its limits by another: what is valid must
-- be in force, what is not must be refused by an error that names it and change nothing.
local sandbox = sandbox
local huge, floor = math.huge, math.floor

local function fail(what, ...)
   local said = { "FUZZ: " .. what }
   for i = 1, select("#", ...) do said[#said + 1] = tostring((select(i, ...))) end
   error(table.concat(said, " "), 0)
end

-- The limits in force; nil where there was no memory to say it.
local function limits_of(box)
   local limits = box:limits()
   if type(limits) ~= "table" then fail("limits gave", limits) end
   return limits
end

local least = { memory = 0, output = 0, depth = 0, cpu = 5e-324, wall = 5e-324 }

-- true, false, or nil for an option that this oracle doesn't know.
local function is_valid(name, value)
   if name == "per" then return value == "life" or value == "call" end
   if name == "modules" or name == "files" then return nil end
   if not least[name] then
      if type(name) == "string" and sandbox.new():limits()[name] ~= nil then return nil end
      return false
   end
   if type(value) ~= "number" or value ~= value or value < least[name] then return false end
   return name ~= "depth" or value == huge or value == floor(value)
end

local function are_valid(options)
   if options == nil then return true end
   if type(options) ~= "table" then return false end
   local sure = true
   for name, value in next, options do
      local valid = is_valid(name, value)
      if valid == false then return false end
      if valid == nil then sure = false end
   end
   if sure then return true end
end

local function check_refusal(message, valid)
   if type(message) ~= "string" then fail("raised a", type(message)) end
   -- What the machine, or the space that the box was made with, doesn't have.
   if message:find("not enough memory", 1, true) or message:find("for this box", 1, true) then return end
   -- So little time that the box could not even be opened.
   if valid and message:find("limit of", 1, true) then return end
   if valid then fail("refused what is valid:", message) end
   -- Grants have errors of their own, of paths and of values that cannot cross.
   if valid == nil then return end
   for _, known in ipairs { "option '", "names of options are strings", "table expected" } do
      if message:find(known, 1, true) then return end
   end
   fail("an error that does not say what is wrong:", message)
end

-- What the box says of an option that was asked for.
local function in_force(name, value)
   if name == "depth" then return value > 9 and 9 or value end
   if (name == "memory" or name == "output") and value < 9e15 then return floor(value) end
   -- Seconds are floats, and so is what is more than any memory.
   return type(value) == "number" and value + 0.0 or value
end

local function check_limits(limits, options)
   for name, value in next, options or {} do
      if (least[name] or name == "per") and limits[name] ~= (name == "per" and value or in_force(name, value)) then
         fail("asked for", name, value, "got", limits[name])
      end
   end
end

local function check_usage(box)
   for name, value in next, box:usage() do
      if type(value) ~= "number" or value ~= value or value < 0 or value == huge then fail("usage", name, value) end
   end
end

return function(first, second)
   local valid = are_valid(first)
   local ok, box = pcall(function() return sandbox.new(first) end)
   if not ok then return check_refusal(box, valid) end
   if valid == false then fail("took what is not valid") end
   local before = limits_of(box)
   check_limits(before, first)
   check_usage(box)
   if second ~= nil then
      valid = are_valid(second)
      local why
      ok, why = pcall(function() return box:limits(second) end)
      local after = limits_of(box)
      if ok then
         if valid == false then fail("took what is not valid") end
         check_limits(after, second)
      else
         check_refusal(why, valid)
         check_limits(after, before)
      end
      before = after
   end
   -- A limit on time that fires says nothing of options.
   if before.cpu >= 1 and before.wall >= 1 then
      local two
      ok, two = pcall(box.dostring, box, "return 1 + 1")
      if ok and two ~= 2 then fail("1 + 1 is", two) end
      if not ok and not tostring(two):find("not enough memory", 1, true) and not tostring(two):find("limit of", 1, true) then
         fail("no 1 + 1:", two)
      end
   end
   box:close()
end
