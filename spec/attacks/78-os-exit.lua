-- class: host
-- correct: os.exit ends the running call from anywhere in it, not the process: the call returns nothing, usage().exit
--   has the code, and the box lives on
-- expect: exit 7
-- versions: all
-- boxes: 7
-- note: the corpus only looks whether os.exit is there; the manual has it, so it is called, and the host must live to
--   tell

local which = ...
local function leave()
  os.exit(7)
  print "ESCAPED: os.exit came back"
end
local function guarded()
  pcall(leave)
  print "ESCAPED: pcall caught os.exit"
end
local ways = {
  leave,
  guarded,
  function() xpcall(leave, function() print "ESCAPED: a handler ran at os.exit" end) end,
  function()
    coroutine.resume(coroutine.create(guarded))
    coroutine.wrap(function() coroutine.wrap(guarded)() end)()
  end,
  function() table.sort({ 3, 2, 1 }, guarded) end,
  function() string.gsub("abc", ".", guarded) end,
  function() load(guarded) end,
}
ways[which]()
print "ESCAPED: the code after os.exit ran"
return "more"
