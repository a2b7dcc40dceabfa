-- Names that collide with the libraries, or are no names: documented, and no removed function comes back.
local host = dofile((arg[0]:match("^(.*/)") or "./") .. "common.lua")
local sandbox = host.sandbox

local box = sandbox.new { cpu = 5 }

-- any string is a name
for _, name in ipairs { "", " ", "a b", "\0", "1", "nil", "end", ("n"):rep(1e5), "__gc", "__index", "__name", "_ENV", "_VERSION" } do
  box:set(name, 5)
  host.equal(box:get(name), 5, "global")
  host.equal(box:dostring("return _G[...]", name), 5, "seen inside")
  box:set(name, nil)
  host.equal(box:get(name), nil, "removed global")
end
for _, name in ipairs { true, {}, print } do
  host.raises("bad argument #1 to 'set'", function() box:set(name, 1) end)
  host.raises("bad argument #1 to 'get'", function() box:get(name) end)
end
host.raises("bad argument #1 to 'set'", function() box:set(nil, 1) end)

-- library names can be replaced and removed; the box is the host's to break, and does not break the host
for _, name in ipairs { "string", "load", "pcall", "error", "setmetatable", "table", "coroutine", "print", "io", "os", "debug", "tostring",
  "next", "pairs", "select", "type", "require" } do
  local own = sandbox.new { cpu = 5 }
  own:set(name, nil)
  host.equal(own:dostring("return 1"), 1, "without " .. name)
  host.equal(own:get(name), nil, name)
  own:set(name, 1)
  host.equal(own:dostring("return 2"), 2, name .. " as a number")
  own:set(name, function(x) return x end)
  host.equal(own:dostring("local f = _G[...] return f(3)", name), 3, name .. " as the host's function")
  own:load("return 1")
  own:set("other", { 1 })
  local ok, message = pcall(own.dostring, own, "local x = nil; x.y = 1")
  assert(not ok and type(message) == "string", "an error without " .. name)
  assert(own:traceback() == nil or type(own:traceback()) == "string")
  own:close()
end
box:set("string", nil)
host.equal(box:dostring("return ('x'):upper()"), "X", "string methods without the global")

-- _G itself
box:set("_G", nil)
host.equal(box:dostring("x = 4 return x"), 4, "globals without _G")
box:set("_G", { x = "a copy" })
host.equal(box:dostring("return x"), 4, "globals with another _G")
host.equal(box:get("x"), 4, "get with another _G")

-- names that the libraries leave out stay out
box = sandbox.new { cpu = 5 }
for _, path in ipairs { "os.execute", "os.remove", "os.rename", "os.tmpname", "os.setlocale", "io.popen", "io.tmpfile", "package.loadlib",
  "debug.getregistry", "debug.sethook", "debug.getinfo", "debug.setmetatable", "debug.getupvalue" } do
  local library, name = path:match("(%w+)%.(%w+)")
  box:set(name, 1)
  local value = box:dostring("local library, name = ... local t = _G[library] return type(t) == 'table' and t[name] or nil", library, name)
  assert(value == nil, path .. " is there")
end
for _, name in ipairs { "ffi", "jit", "package.loadlib" } do
  assert(box:dostring("local ok, v = pcall(require, ...) return ok and type(v) == 'table' and (v.C or v.off) or nil", name) == nil, name)
end
box:set("f", print)
host.equal(box:get("f"), print, "the host's own function comes home")

host.done()
