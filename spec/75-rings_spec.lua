--- What rings asks of separate states, in our words: each its own, arguments and results, errors, tracebacks, closed states.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local box_with, raises = helpers.box, helpers.raises

describe("rings:", function()
  after_each(helpers.tidy)

  describe("states apart", function()
    it("share no globals, in either direction", function()
      local a, b = box_with(), box_with()
      a:dostring("x = 'of a' string.trick = true")
      b:dostring("x = 'of b'")
      rawset(_G, "x_of_the_host", 1)
      assert.equal("of a", a:get("x"))
      assert.equal("of b", b:get("x"))
      assert.is_nil(b:dostring("return x_of_the_host, string.trick"))
      assert.is_nil(rawget(string, "trick"))
      rawset(_G, "x_of_the_host", nil)
    end)

    it("pass scalars in and out, as many as there are", function()
      local results = { box_with():dostring("return select('#', ...), ...", 1, "two", true, nil, false, nil) }
      assert.equal(6, results[1])
      assert.same({ 6, 1, "two", true, nil, false }, { helpers.unpack(results, 1, 6) })
      assert.equal(0, select("#", box_with():dostring("")))
    end)

    it("report a syntax error and a runtime error with the chunk's name and line", function()
      local box = box_with()
      raises(function() box:dostring("x = = 1") end, ":1:")
      raises(function() box:dostring("\n\nerror('on line three')") end, ":3: on line three")
      raises(function() box:dostring("local function deep() local n = nil; return n.field end deep()") end, "index")
      assert.equal("string", type(box:traceback()))
      assert.is_truthy(box:traceback():find("deep", 1, true))
    end)

    it("keep a state that failed usable", function()
      local box = box_with()
      for _ = 1, 100 do pcall(box.dostring, box, "n = (n or 0) + 1 error({})") end
      assert.equal(100, box:get("n"))
    end)

    it("nest: a state made in a state is its own", function()
      local box = box_with()
      box:opensandbox()
      assert.same({ 1, 2 }, { box:dostring([[
        x = 1
        local below = sandbox.new()
        below:dostring("x = 2")
        return x, below:get("x")
      ]]) })
    end)

    it("refuse every use of a closed state", function()
      local box = sandbox.new()
      local f = box:load("return 1")
      box:close()
      raises(function() box:dostring("return 1") end, "sandbox is closed")
      raises(f, "closed")
    end)
  end)

  describe("states", function()
    it("are told apart, and tell what they are", function()
      local a, b = box_with(), box_with()
      assert.is_truthy(tostring(a):find("^sandbox: 0x%x+$"))
      assert.are_not.equal(tostring(a), tostring(b))
      assert.are_not.equal(a, b)
      assert.equal("ready", (a:status()))
    end)

    it("call the master's functions, and the master theirs, by name", function()
      local box = box_with()
      local told = {}
      box:set("tell", function(...)
        told[#told + 1] = select("#", ...)
        return "told", ...
      end)
      box:dostring("function answer(...) return tell(...) end")
      assert.same({ "told", 1, 2 }, { box:get("answer")(1, 2) })
      assert.same({ "told" }, { box:get("answer")() })
      assert.same({ 2, 0 }, told)
    end)

    it("keep what they were given: strings with zeros and of a megabyte, numbers to the last bit", function()
      local box = box_with()
      local text = ("\0\1\255\r\n"):rep(2e5)
      assert.equal(text, (box:dostring("return ...", text)))
      for _, n in ipairs { 0.1, -1e308, 5e-324, 2 ^ 53, math.huge, -math.huge } do
        assert.equal(n, (box:dostring("return ...", n)))
      end
      local nan = box:dostring("return ...", 0 / 0)
      assert.is_true(nan ~= nan)
    end)

    it("work in a coroutine of the master's, too", function()
      local box = box_with()
      local co = coroutine.wrap(function(x)
        for _ = 1, 3 do x = coroutine.yield((box:dostring("n = (n or 0) + ... return n", x))) end
      end)
      assert.equal(1, co(1))
      assert.equal(3, co(2))
      assert.equal(6, co(3))
    end)
  end)

  describe("a traceback", function()
    it("is none before an error, and of the last error after it", function()
      local box = box_with()
      assert.is_nil(box:traceback())
      pcall(box.dostring, box, "local function first_failure() error('one') end first_failure()")
      assert.is_truthy(box:traceback():find("first_failure", 1, true))
      pcall(box.dostring, box, "local function second_failure() error('two') end second_failure()")
      assert.is_truthy(box:traceback():find("second_failure", 1, true))
      assert.is_nil(box:traceback():find("first_failure", 1, true))
    end)

    it("inside is of the box alone, with its lines", function()
      local box = box_with()
      local text = box:dostring("local function inner()\n  return (debug.traceback('here'))\nend\nlocal t = inner()\nreturn t")
      assert.is_truthy(text:find("^here\nstack traceback:"))
      assert.is_truthy(text:find(":2:", 1, true))
      assert.is_nil(text:find("75-rings", 1, true))
    end)

    it("takes a level and a message, as the stock one", function()
      local box = box_with()
      assert.equal("table", box:dostring("return type(debug.traceback({}))"))
      local text = box:load("local function hidden() return (debug.traceback('m', 2)) end return (hidden())", "=chunk")()
      assert.is_truthy(text:find("chunk:1:", 1, true))
      assert.is_nil(text:find("hidden", 1, true))
    end)
  end)

  describe("arguments", function()
    it("that cannot cross are refused by number, and nothing runs", function()
      local box = box_with()
      raises(function() box:dostring("ran = true", 1, coroutine.create(function() end)) end, "argument 2", "a thread cannot cross")
      assert.is_nil(box:get("ran"))
    end)

    it("of the wrong kind name the method", function()
      local box = box_with()
      raises(function() box:dostring({}) end, "bad argument #1 to 'dostring'", "string expected, got table")
      raises(function() box:dostring() end, "bad argument #1 to 'dostring'", "got no value")
      raises(function() box.dostring(1, "return 1") end, "sandbox expected")
    end)
  end)

  describe("a closed state", function()
    it("refuses every method but close, status and its name", function()
      local box = sandbox.new()
      box:close()
      box:close()
      assert.equal("closed", (box:status()))
      assert.is_truthy(tostring(box):find("^sandbox"))
      for _, call in ipairs {
        function() box:dostring("return 1") end, function() box:dofile("x.lua") end, function() box:load("return 1") end,
        function() box:get("x") end, function() box:set("x", 1) end, function() box:limits() end, function() box:usage() end,
        function() box:traceback() end, function() box:stdin() end, function() box:stdout(io.stdout) end, function() box:stderr(nil) end,
        function() box:env() end, function() box:env({}) end, function() box:opensandbox() end,
      } do
        raises(call, "sandbox is closed")
      end
    end)

    it("may close in the middle of another's call", function()
      local outer, inner = box_with(), sandbox.new()
      outer:set("close_inner", function() inner:close() end)
      outer:set("use_inner", function() return inner:dostring("return 1") end)
      local ok, message = outer:dostring("close_inner() return pcall(use_inner)")
      assert.is_false(ok)
      assert.is_truthy(message:find("sandbox is closed", 1, true))
    end)

    it("is what a forgotten one becomes, with its functions", function()
      local watched = setmetatable({}, { __mode = "k" })
      local function forget()
        local box = sandbox.new()
        watched[box] = true
        return box:dostring("kept = 'still there' return function() return kept end")
      end
      local f = forget()
      collectgarbage() collectgarbage()
      assert.equal("still there", f())
      f = nil
      collectgarbage() collectgarbage() collectgarbage()
      assert.is_nil((next(watched)))
      assert.is_nil(f)
    end)
  end)
end)
