-- Output of busted for logs: one line before each case (so that after a crash the log's last line names it), its outcome,
-- the reason of each pending case, and a last line "N passed, N failed, N pending".

-- A case that writes to C's stdout meanwhile must not end up in the middle of one of these lines.
local function put(...)
   io.stdout:write(...)
   io.stdout:flush()
end

local function where(element)
   local trace = element.trace
   return trace and ("%s:%d"):format(trace.short_src, trace.currentline) or "?"
end

local function text(message)
   if message == nil then
      return "(no message)"
   end
   return type(message) == "string" and message or require("pl.pretty").write(message)
end

local function indented(s)
   return "      " .. s:gsub("\n", "\n      ")
end

return function()
   local busted = require("busted")
   local handler = require("busted.outputHandlers.base")()

   function handler.case_start(element)
      put("  ", where(element), ": ", handler.getFullName(element), "\n")
      return nil, true
   end

   function handler.case_end(_, _, status)
      if status == "pending" then
         local pending = handler.pendings[#handler.pendings]
         put("      pending: ", text(pending.message), "\n")
      elseif status ~= "success" then
         put("      ", status, "\n")
      end
      return nil, true
   end

   local function describe_all(kind, list)
      for _, failure in ipairs(list) do
         put("\n", kind, ": ", where(failure.element), ": ", failure.name, "\n", indented(text(failure.message)), "\n")
         if failure.isError and failure.trace and failure.trace.traceback then
            put(indented(failure.trace.traceback), "\n")
         end
      end
   end

   function handler.suite_end()
      describe_all("failure", handler.failures)
      describe_all("error", handler.errors)
      put(("\n%d passed, %d failed, %d pending\n"):format(handler.successesCount,
         handler.failuresCount + handler.errorsCount, handler.pendingsCount))
      return nil, true
   end

   busted.subscribe({ "test", "start" }, handler.case_start)
   busted.subscribe({ "test", "end" }, handler.case_end)
   busted.subscribe({ "suite", "end" }, handler.suite_end)

   return handler
end
