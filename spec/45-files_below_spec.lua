--- Manual, section 6: a box grants parts of what it was granted to the boxes below it.

local helpers = require "spec.helpers"

local content, tree = helpers.content, helpers.tree

-- What `io.open` gave: "file", or the message and the number.
local OPEN = "local f, m, e = io.open(...) if f then f:close() return 'file' end return m, e"

describe("files granted by a box to boxes below it", function()
  after_each(helpers.tidy)

  local OPEN_BELOW = ([[
    local sandbox = require "sandbox"
    function open(grants, ...)
      local ok, box = pcall(sandbox.new, { files = grants })
      if not ok then return box end
      below = box
      return box:dostring(%q, ...)
    end]]):format(OPEN)

  local function host_of_boxes(grants)
    local box = helpers.box { files = grants }
    box:opensandbox()
    box:dostring(OPEN_BELOW)
    return box
  end

  it("are part of its own, at every depth", function()
    local path = tree { ["a"] = "top", ["x/b"] = "x", ["x/y/c"] = "y" }
    local box = host_of_boxes { ["/data"] = { path = path, write = true } }
    local results = { box:dostring([[
      local grants = { ["/m"] = { path = "/data/x", write = true } }
      return open(grants, "/m/b"), (open(grants, "/data/x/b")), (open(grants, "/m/../a")), (open(grants, "/a")), open(grants, "/m/new", "w")
    ]]) }
    local missing = ": No such file or directory"
    assert.same({ "file", "/data/x/b" .. missing, "/m/../a" .. missing, "/a" .. missing, "file" }, results)
    assert.equal("", content(path .. "/x/new"))
    assert.equal("y", box:dostring([[
      local sandbox = require "sandbox"
      local one = sandbox.new { files = { ["/m"] = "/data/x" } }
      one:opensandbox()
      return one:dostring([=[
        local two = sandbox.new { files = { ["/"] = { path = "m/y" } } }
        return two:dostring("return io.open(...):read(1)", "c")]=])]]))
  end)

  it("are never more than it has", function()
    local path = tree { ["in/a"] = "a", secret = "outside" }
    assert(os.execute(("ln -s .. %s/in/up; ln -s /etc %s/in/etc"):format(path, path)))
    local box = host_of_boxes { ["/data"] = { path = path .. "/in" }, ["/w"] = { path = path .. "/in", write = true } }
    local function refused(grants, text)
      local message = box:dostring("return (open(...))", grants, "a")
      assert.is_truthy(message:find(text, 1, true), message)
    end
    refused({ ["/"] = { path = "/data", write = true } }, "option 'files[\"/\"].write': the box itself may not write there")
    refused({ ["/"] = "/etc" }, "option 'files[\"/\"].path': cannot open /etc: No such file or directory")
    refused({ ["/"] = path }, "No such file or directory")
    refused({ ["/"] = "/data/up" }, "cannot open /data/up: Permission denied")
    refused({ ["/"] = "/data/etc" }, "cannot open /data/etc: Permission denied")
    refused({ ["/"] = "/data/missing" }, "No such file or directory")
    refused({ ["/"] = "/data/a" }, "Not a directory")
    refused({ ["/"] = "/data/../.." .. path }, "No such file or directory")
    -- What it may write to, it may grant for reading.
    assert.same({ "a: Read-only file system", 30 }, { box:dostring("return open(...)", { ["/"] = "/w" }, "a", "w") })
    assert.same({ "../secret: No such file or directory", 2 }, { box:dostring("return open(...)", { ["/"] = "/w" }, "../secret") })
    local bare = helpers.box()
    bare:opensandbox()
    bare:dostring(OPEN_BELOW)
    assert.is_truthy(bare:dostring("return (open(...))", { ["/"] = "/" }, "a"):find("No such file or directory", 1, true))
  end)

  it("bring along what is granted inside them, no more writable than there", function()
    local outer, inner = tree { ["a"] = "outer", ["lib/a"] = "hidden" }, tree { a = "inner" }
    local box = host_of_boxes { ["/o"] = { path = outer, write = true }, ["/o/lib"] = inner }
    local grants = { ["/x"] = { path = "/o", write = true } }
    assert.equal("inner", box:dostring("open(...) return below:dostring('return io.open(\"/x/lib/a\"):read(\"*a\")')", grants, "/x/lib/a"))
    assert.same({ "/x/lib/a: Read-only file system", 30 }, { box:dostring("return open(...)", grants, "/x/lib/a", "w") })
    assert.equal("file", (box:dostring("return open(...)", grants, "/x/a", "w")))
    -- One that is granted by name goes before.
    grants["/x/lib"] = { path = "/o", write = true }
    assert.equal("file", (box:dostring("return open(...)", grants, "/x/lib/new", "w")))
    assert.equal("", content(outer .. "/new"))
  end)

  it("count for every box above", function()
    local path = tree { a = "text", ["sub/a"] = "text" }
    local box = host_of_boxes { ["/"] = path }
    box:limits { files = 3 }
    assert.same({ 3, "a: files limit of 3 files exceeded" }, { box:dostring([[
      local sandbox = require "sandbox"
      below = sandbox.new { files = { ["/"] = "/" } }
      return below:dostring("local t, f, m = {} repeat f, m = io.open('a') t[#t + 1] = f until not f return #t, m")]]) })
    assert.same({ "a: files limit of 3 files exceeded", 24 }, { box:dostring(OPEN, "a") })
    -- Closing the box below gives them back; so does collecting a handle of a directory opened for one.
    assert.equal("file", box:dostring("below:close() " .. OPEN, "a"))
    assert.equal("file", box:dostring([[
      for _ = 1, 10 do sandbox.new { files = { ["/"] = "/sub" } }:close() end
      return open({ ["/"] = "/sub" }, "a")]]))
    local message = box:dostring([[
      local boxes = {}
      for i = 1, 10 do
        local ok, box = pcall(sandbox.new, { files = { ["/"] = "/sub" } })
        if not ok then return box end
        boxes[i] = box
      end]])
    assert.is_truthy(message:find("option 'files[\"/\"].path': files limit of 3 files exceeded", 1, true), message)
  end)

  it("are what its own box:dofile reads", function()
    local path = tree { ["a.lua"] = "return 'ran', ..." }
    local box = host_of_boxes { ["/lib"] = path }
    assert.same({ "ran", 5 }, { box:dostring("return sandbox.new():dofile('/lib/a.lua', 5)") })
    local outside = path .. "/a.lua"
    helpers.raises(function() box:dostring("sandbox.new():dofile(...)", outside) end, "cannot open " .. outside .. ": No such file")
  end)

  it("are streams of boxes below: written and read once, counted once", function()
    local path = tree { a = "input\n" }
    local box = host_of_boxes { ["/"] = { path = path, write = true } }
    box:dostring([[
      local below = sandbox.new()
      below:stdin(io.open("a"))
      local out = io.open("out", "w")
      below:stdout(out)
      below:dostring("io.write(io.read(), '!')")
      out:close()]])
    assert.equal("input!", content(path .. "/out"))
    assert.equal(6, box:usage().output)
  end)
end)
