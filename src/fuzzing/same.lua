-- Gives a function that raises unless two lists hold the same values: numbers to the bit, tables by their shape, with all cycles
-- and sharing, functions and streams by identity. No recursion: values may be nested as deep as they like.
local type, next, rawget, rawequal, error, tostring = type, next, rawget, rawequal, error, tostring
local subtype = math.type or function() end

local function differ(what) error("not the same: " .. what, 0) end

local function check_number(a, b)
   if a ~= a then
      if b == b then differ("nan") end
   elseif a ~= b or 1 / a ~= 1 / b or subtype(a) ~= subtype(b) then
      differ(tostring(a) .. " and " .. tostring(b))
   end
end

return function(one, other)
   local twin, known = {}, {}
   local pending, last = { one, other }, 2

   local function check(a, b)
      if type(a) ~= type(b) then differ(type(a) .. " and " .. type(b)) end
      if type(a) == "number" then
         check_number(a, b)
      elseif type(a) ~= "table" then
         if not rawequal(a, b) then differ(type(a)) end
      elseif twin[a] or known[b] then
         if not rawequal(twin[a], b) then differ("sharing") end
      else
         twin[a], known[b] = b, true
         pending[last + 1], pending[last + 2] = a, b
         last = last + 2
      end
   end

   -- How many tables are keys; if it is one, that and its value, which have no name to be found by.
   local function nameless(t)
      local n, key, value = 0, nil, nil
      for k, v in next, t do
         if type(k) == "table" then n, key, value = n + 1, k, v end
      end
      return n, key, value
   end

   local function check_table(a, b)
      local size = 0
      for k, v in next, a do
         size = size + 1
         if type(k) ~= "table" then
            local w = rawget(b, k)
            if w == nil then differ("a key of type " .. type(k) .. " is gone") end
            check(v, w)
         end
      end
      for _ in next, b do size = size - 1 end
      local n, key, value = nameless(a)
      local m, its_key, its_value = nameless(b)
      if size ~= 0 or n ~= m then differ("a table's size") end
      -- Among several there is no telling which is which.
      if n == 1 then
         check(key, its_key)
         check(value, its_value)
      end
   end

   twin[one], known[other] = other, true
   while last > 0 do
      local a, b = pending[last - 1], pending[last]
      last = last - 2
      check_table(a, b)
   end
end
