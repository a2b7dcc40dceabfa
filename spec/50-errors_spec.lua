--- Manual, section 8: misuse in stock wording, errors that are never an opaque userdata, and a process that survives.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local raises = helpers.raises

describe("misuse of a method", function()
  after_each(helpers.tidy)

  it("raises stock wording", function()
    local box = helpers.box()
    local cases = {
      { function() box:dofile({}) end, "bad argument #1 to 'dofile' (string expected, got table)" },
      { function() box:dofile() end, "bad argument #1 to 'dofile' (string expected, got no value)" },
      { function() box:dostring(nil) end, "bad argument #1 to 'dostring' (string expected, got nil)" },
      { function() box:load(print) end, "bad argument #1 to 'load' (string expected, got function)" },
      { function() box:get(true) end, "bad argument #1 to 'get' (string expected, got boolean)" },
      { function() box:set({}, 1) end, "bad argument #1 to 'set' (string expected, got table)" },
      { function() box:limits("cpu") end, "bad argument #1 to 'limits' (table expected, got string)" },
      { function() box:env(1) end, "bad argument #1 to 'env' (" },
      { function() box:stdin(1) end, "bad argument #1 to 'stdin' (" },
      { function() box:stdout({}) end, "bad argument #1 to 'stdout' (" },
      { function() box:stderr("x") end, "bad argument #1 to 'stderr' (" },
      { function() sandbox.new(1) end, "bad argument #1 to 'new' (table expected, got number)" },
      { function() sandbox.run({}) end, "bad argument #1 to 'run' (string expected, got table)" },
      { function() sandbox.newstream(1) end, "bad argument #1 to 'newstream' (function expected, got number)" },
      { function() sandbox.newstream(nil, {}) end, "bad argument #2 to 'newstream' (function expected, got table)" },
      { function() sandbox.newstream(nil, nil, "x") end, "bad argument #3 to 'newstream' (function expected, got string)" },
    }
    for _, case in ipairs(cases) do raises(case[1], case[2]) end
    assert.equal("ready", (box:status()))
  end)

  it("starts with the position of the call, as stock errors do", function()
    local box = helpers.box()
    local message = raises(function() box:dofile({}) end)
    assert.is_truthy(message:find("50%-errors_spec%.lua:%d+: bad argument"), message)
  end)

  it("of a method called without its box is an error", function()
    local box = helpers.box()
    local foreign = { 5, "x", {}, io.stdout, print, true }
    for _, name in ipairs { "dofile", "dostring", "load", "get", "set", "limits", "usage", "status", "close", "traceback",
      "stdin", "stdout", "stderr", "env", "opensandbox" } do
      local method = box[name]
      assert.is_function(method, name)
      raises(function() method() end)
      for _, value in ipairs(foreign) do raises(function() method(value, "x") end) end
    end
    assert.equal("ready", (box:status()))
  end)

  it("of a name that is no method is an error, as of a stock object", function()
    local box = helpers.box()
    raises(function() box:nosuchmethod() end, "nosuchmethod")
    raises(function() box.field = 1 end)
    raises(function() return box + 1 end)
    raises(function() return box .. "" end)
    raises(function() return box() end)
    raises(function() return box < box end)
    assert.is_true(box == box)
    assert.is_false(box == helpers.box())
    local t = { [box] = 1 }
    assert.equal(1, t[box])
  end)

  it("takes more arguments than needed as stock does: it ignores them", function()
    local box = helpers.box()
    box:set("x", 1, 2, 3)
    assert.equal(1, box:get("x", 2, 3))
    assert.equal("ready", (box:status(1, 2)))
    assert.is_number(box:usage({}, 1).memory)
  end)
end)

describe("errors of code in a box", function()
  after_each(helpers.tidy)

  it("arrive as they were raised", function()
    local box = helpers.box()
    for _, s in ipairs { "", "x", "nul\0inside", ("long "):rep(1e5), "with\nlines", "\255" } do
      local ok, message = pcall(box.dostring, box, "error((...), 0)", s)
      assert.is_false(ok)
      assert.equal(s, message)
    end
    local ok, message = pcall(box.dostring, box, "error('with position')")
    assert.is_false(ok)
    assert.equal("[string \"error('with position')\"]:1: with position", message)
  end)

  it("are never an opaque userdata: at most a stream", function()
    local box = helpers.box()
    for _, code in ipairs { "error()", "error(nil)", "error(print)", "error(io.stdin)", "error(coroutine.create(print))",
      "error({})", "error(1)", "error(1.5)", "error(true)", "error(newproxy and newproxy() or {})",
      "error(setmetatable({}, { __tostring = error }))", "local t = nil; t.x = 1", "error(error)", "error(_G)", "error(string)" } do
      local ok, raised = pcall(box.dostring, box, code)
      assert.is_false(ok, code)
      assert(type(raised) ~= "userdata" or io.type(raised) == "file", code)
    end
    assert.equal("ready", (box:status()))
  end)

  it("never run code of the box in the host", function()
    local box, notes = helpers.box { cpu = 1 }, 0
    box:set("note", function() notes = notes + 1 end)
    local before = os.clock()
    for _, name in ipairs { "__tostring", "__index", "__eq", "__len", "__pairs", "__concat", "__call", "__name", "__metatable" } do
      local _, raised = pcall(box.dostring, box, ("error(setmetatable({}, { %s = function() note() while true do end end }))"):format(name))
      assert.is_string(tostring(raised))
      if type(raised) == "table" then assert.is_nil(raised.x) end
    end
    assert.equal(0, notes)
    assert.is_true(os.clock() - before < 2)
  end)

  it("can be caught in the host and in the box, deep in calls", function()
    local box = helpers.box()
    box:set("call", function(f) return select(2, pcall(f)) end)
    assert.equal("inner", box:dostring("return (call(function() error('inner', 0) end))"))
    box:set("raise", function(v) error(v, 0) end)
    local ok, message = box:dostring("return pcall(raise, 'of the host')")
    assert.is_false(ok)
    assert.equal("of the host", message)
    ok, message = box:dostring("local ok, e = pcall(raise, { code = 5 }) return ok, e.code")
    assert.is_false(ok)
    assert.equal(5, message)
    raises(function() box:dostring("raise('through and through')") end, "through and through")
  end)

  it("of every type, raised by the host's functions, reach the box as values", function()
    local box = helpers.box()
    box:set("raise", function(kind)
      if kind == "nil" then error() elseif kind == "table" then error({ 1 }) elseif kind == "number" then error(42, 0)
      elseif kind == "userdata" then error(box) elseif kind == "coroutine" then error(coroutine.create(print))
      elseif kind == "long" then error(("x"):rep(1e5), 0) elseif kind == "nul" then error("a\0b", 0) end
    end)
    local function kind_of(kind)
      local ok, got = box:dostring("local ok, e = pcall(raise, ...) return ok, type(e)", kind)
      assert.is_false(ok, kind)
      return got
    end
    assert.equal("table", kind_of("table"))
    assert.equal("number", kind_of("number"))
    assert.equal("string", kind_of("long"))
    assert.equal("string", kind_of("nul"))
    assert.is_not.equal("userdata", kind_of("userdata"))
    assert.is_not.equal("thread", kind_of("coroutine"))
    kind_of("nil")
    assert.equal("ready", (box:status()))
  end)

  it("in message handlers of the host see a sound host", function()
    local box = helpers.box()
    local ok, handled = xpcall(function() box:dostring("error('x', 0)") end, function(m)
      return m .. box:dostring("return ' handled'")
    end)
    assert.is_false(ok)
    assert.equal("x handled", handled)
  end)

  it("of syntax are raised with stock Lua's text", function()
    helpers.assert_as_stock { "for", "x =", "return return", "local function", "x = 'open", "x = [[open", "--[[open", "goto nowhere",
      "break", "::a:: ::a::", "return 1 ..", "x = 0xg", "x = 1e", "local x <const> = 1 x = 2",
      "x = '\\xZZ'", "x = '\\999'", "x = '\\u{110000000}'",
      "x = @", "x = 5 5", "f(", "a.b:c = 1", "return ...", "function f() return ... end", "for i = 1 do end", "\0", "x = \"a\nb\"" }
  end)
end)

describe("the process survives", function()
  after_each(helpers.tidy)

  it("what options of odd kinds do", function()
    local wild = setmetatable({}, { __index = function() error("asked") end, __pairs = function() error("asked") end })
    local ok, box = pcall(sandbox.new, wild)
    if ok then box:close() end
    for _, value in ipairs { 2 ^ 63, 2 ^ 64, 1e300, 1e-300, 0.5, -0.0 } do
      for _, name in ipairs { "memory", "cpu", "wall", "output", "depth" } do
        local made, got = pcall(sandbox.new, { [name] = value })
        if made then
          pcall(got.dostring, got, "return 1")
          got:close()
        else
          assert.is_string(got)
        end
      end
    end
    assert.equal(1, helpers.box():dostring("return 1"))
  end)

  it("calls from box to host to box without end", function()
    local box = helpers.box { cpu = 5 }
    local depth = 0
    box:set("again", function()
      depth = depth + 1
      return box:dostring("return again()")
    end)
    raises(function() box:dostring("return again()") end)
    assert.is_true(depth > 5, "only " .. depth .. " calls deep")
    assert.is_true(box:status() == "ready" or box:status() == "exhausted" or box:status() == "killed")
    assert.equal(1, helpers.box():dostring("return 1"))
  end)

  it("a box closed by what it calls, at any depth", function()
    for _, code in ipairs { "close()", "pcall(close)", "coroutine.wrap(function() close() end)()", "('x'):gsub('x', close)",
      "table.sort({ 2, 1 }, close)", "setmetatable({}, { __index = close }).x = nil local y = setmetatable({}, { __index = close }).x",
      "call(function() close() end)", "local f = load(close)" } do
      local box = helpers.box()
      box:set("close", function() box:close() end)
      box:set("call", function(f) f() end)
      raises(function() box:dostring(code .. " while true do end") end, "sandbox is closed")
      assert.equal("closed", (box:status()))
    end
  end)

  it("ten thousand errors without growing", function()
    local box = helpers.box()
    local function turn() pcall(box.dostring, box, "error({ 'a table', {} })") end
    helpers.assert_flat(10000, turn)
    assert.equal(1, box:dostring("collectgarbage() return 1"))
    assert.is_true(box:usage().memory < helpers.MiB)
  end)
end)
