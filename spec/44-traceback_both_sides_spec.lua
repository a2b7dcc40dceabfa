--- box:traceback(): of an error that went through several sides, each side's part in order, marked where a side ends.

local helpers = require "spec.helpers"

local raises = helpers.raises

-- Asserts that each of these texts comes after the one before.
local function assert_order(text, ...)
  local at = 1
  for _, part in ipairs { ... } do
    local first, last = text:find(part, at, true)
    assert(first, ("%q is not in its place in\n%s"):format(part, text))
    at = last + 1
  end
end

local function count(text, part)
  local n, at = 0, 1
  while true do
    local first, last = text:find(part, at, true)
    if not first then return n end
    n, at = n + 1, last + 1
  end
end

describe("box:traceback", function()
  after_each(helpers.tidy)

  it("has no marks where only the box was concerned", function()
    local box = helpers.box()
    raises(box:load("local function f() error('x') end f()", "=own"), "own:1: x")
    local text = box:traceback()
    assert_order(text, "own:1: x\nstack traceback:", "own:1: in ", "own:1: in ")
    assert.is_nil(text:find("called from", 1, true))
  end)

  it("shows a host function's part before that of the box that called it, and nothing further out", function()
    local box = helpers.box()
    local function deep() error("of the host") end
    box:set("up", function() deep() end)
    local function not_shown() box:load("local function f() up() end f()", "=code")() end
    raises(not_shown, "of the host")
    local text = box:traceback()
    assert_order(text, "of the host\nstack traceback:", "44-traceback", "44-traceback",
      "(called from the box)", "'up'", "code:1: in ", "code:1: in ")
    assert.equal(1, count(text, "called from"))
    assert.is_nil(text:find("busted", 1, true))
  end)

  helpers.it_unless(helpers.lua == "5.1" and "Lua 5.1: the host function runs on a coroutine of its own, whose part is not shown",
    "shows it where the host calls from a coroutine, whether its function yields there or not", function()
      local box = helpers.box()
      local function deep(wait)
        if wait then coroutine.yield() end
        error("of the host")
      end
      box:set("up", function(wait) pcall(error, "caught") deep(wait) end)
      local proxy = box:load("local function f(...) up(...) end f(...)", "=code")
      local function through_dostring(wait) box:dostring("local wait = ... up(wait)", wait) end
      for _, call in ipairs { proxy, through_dostring } do
        for _, wait in ipairs { false, true } do
          local co = coroutine.create(function() return pcall(call, wait) end)
          local ran, ok, message = coroutine.resume(co)
          if wait then
            assert.equal("suspended", coroutine.status(co))
            ran, ok, message = coroutine.resume(co)
          end
          assert.is_true(ran, ok)
          assert.is_false(ok)
          assert.is_truthy(message:find("of the host", 1, true), message)
          local text = box:traceback()
          assert_order(text, "of the host\nstack traceback:", "44-traceback", "44-traceback", "(called from the box)", "'up'")
          assert.equal(1, count(text, "called from"))
          assert.is_nil(text:find("\n\t...\n", 1, true), text)
          assert.is_nil(text:find("sandbox]", 1, true), text)
        end
      end
    end)

  it("shows each part of a chain from host to box to host to box, innermost first", function()
    local box = helpers.box()
    local inner = box:load("local function third() error('inside') end third()", "=inner")
    box:set("second", function() inner() end)
    raises(box:load("local function first() second() end first()", "=outer"), "inner:1: inside")
    assert_order(box:traceback(), "inner:1: inside\nstack traceback:", "inner:1: in ", "(called from the host)", "44-traceback",
      "(called from the box)", "'second'", "outer:1: in ", "outer:1: in ")
  end)

  it("shows the parts of boxes below, by name, but to nobody those of levels above its own", function()
    local box = helpers.box()
    box:opensandbox()
    box:set("secret", function() error("of the host") end)
    box:load([[
      below = sandbox.new()
      below:set("up", function() secret() end)
      ok = pcall(below:load("up()", "=below"))
      seen, name = below:traceback(), tostring(below)]], "=middle")()
    local seen = box:get("seen")
    assert_order(seen, "of the host\nstack traceback:", "...", "(called from the host)", "middle:2: in ",
      "(called from the box)", "below:1: in ")
    assert.is_nil(seen:find("44-traceback]?[^\n]*: in "), seen)
    raises(box:load("below:load('up()', '=below')()", "=middle"), "of the host")
    assert_order(box:traceback(), "stack traceback:", "44-traceback", "(called from the box)", "middle:2: in ",
      "(called from " .. box:get("name") .. ")", "below:1: in ", "(called from the box)", "middle:1: in ")
  end)

  it("begins anew where the error was caught, and where the same text is raised again", function()
    local box = helpers.box()
    box:set("up", function() error("same", 0) end)
    raises(box:load("pcall(up) error('other')", "=code"), "other")
    assert.is_nil(box:traceback():find("called from", 1, true))
    raises(box:load("up()", "=code"), "same")
    assert.equal(1, count(box:traceback(), "called from"))
    raises(box:load("up()", "=code"), "same")
    assert.equal(1, count(box:traceback(), "called from"))
    raises(box:load("error('same', 0)", "=code"), "same")
    assert.is_nil(box:traceback():find("called from", 1, true))
  end)

  it("goes with an error that is caught and raised further as it is", function()
    local box = helpers.box()
    box:set("up", function() error({ code = 1 }) end)
    assert(not pcall(box:load("local ok, e = pcall(up) error(e)", "=code")))
    assert_order(box:traceback(), "(error object is a table value)\nstack traceback:", "44-traceback",
      "(called from the box)", "code:1: in ")
  end)

  it("stays short, however many sides an error goes through", function()
    local box = helpers.box { cpu = 30 }
    box:set("down", function() return box:dostring("return down()") end)
    raises(function() box:dostring("return down()") end, "stack overflow")
    local text = box:traceback()
    assert(#text <= 16384, #text)
    assert(count(text, "called from") <= 20)
    assert_order(text, "stack traceback:", "...", "(called from the host)", "(called from the box)")
  end)
end)
