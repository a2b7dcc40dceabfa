local step, pass, dofile, dostring, run = ...

-- Either false and results, or a token and what to pass on, until it is over.
local function go(token, ...)
  if token then return go(step(token, pass(...))) end
  return ...
end

return {
  proxy = function(call)
    return function(...) return go(call(...)) end -- the library looks for `call` as the second upvalue
  end,
  body = function(f, ...) return f(...) end, -- of a coroutine in Lua 5.1, which can't be a C function
  dofile = function(...) return go(dofile(...)) end,
  dostring = function(...) return go(dostring(...)) end,
  run = function(...) return go(run(...)) end,
}
