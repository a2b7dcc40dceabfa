--- Manual, section 6: open files of a box are counted, closed when nobody has them any more, and read and written within its other limits.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local content, tree = helpers.content, helpers.tree

-- What this process has open, one name a line; but pipes, of which it opens one to look.
local function open_files()
  local pid = content("/proc/self/stat"):match("^%d+")
  local pipe = assert(io.popen(("ls -l /proc/%s/fd 2>/dev/null | sed 's/.* //' | grep -v pipe: | sort"):format(pid)))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- What `io.open` gave: "file", or the message and the number.
local OPEN = "local f, m, e = io.open(...) if f then f:close() return 'file' end return m, e"

describe("open files of a box", function()
  after_each(helpers.tidy)

  it("count: a box may have so many open at once", function()
    local path = tree { a = "text" }
    local box = helpers.box { files = { ["/"] = { path = path, write = true } } }
    assert.equal(16, box:limits().files)
    local hoard = [[
      hoard = hoard or {}
      local f, m, e
      repeat f, m, e = io.open(...) hoard[#hoard + 1] = f until not f or #hoard > 50
      return #hoard, m, e]]
    assert.same({ 16, "a: files limit of 16 files exceeded", 24 }, { box:dostring(hoard, "a") })
    assert.equal("ready", box:status())
    assert.same({ "new: files limit of 16 files exceeded", 24 }, { box:dostring(OPEN, "new", "w") })
    assert.is_nil(content(path .. "/new"))
    helpers.raises(function() box:dostring("io.lines('a')") end, "files limit of 16 files exceeded")
    -- Reading a chunk leaves nothing open.
    assert.is_truthy(box:dostring("return loadfile('a') or 'text is no Lua'"))
    assert.equal("file", box:dostring("hoard[1]:close() hoard[1] = hoard[2] " .. OPEN, "a"))
    box:limits { files = 20 }
    assert.equal(20, box:limits().files)
    assert.same({ 21, "a: files limit of 20 files exceeded", 24 }, { box:dostring(hoard, "a") })
    box:limits { files = math.huge }
    assert.equal(51, (box:dostring(hoard, "a")))
    box:dostring("for _, f in ipairs(hoard) do if io.type(f) == 'file' then f:close() end end")
    box:limits { files = 0 }
    assert.same({ "a: files limit of 0 files exceeded", 24 }, { box:dostring(OPEN, "a") })
    assert.equal(3, helpers.box { files = 3 }:limits().files)
  end)

  it("are closed when the code has dropped them, and at the end of io.lines", function()
    local path = tree { a = "one\ntwo\n" }
    local box = helpers.box { files = { ["/"] = path } }
    assert.equal(200, box:dostring("local n = 0 for _ = 1, 200 do if io.open('a') then n = n + 1 end end return n"))
    assert.equal(400, box:dostring([[
      collectgarbage("stop")
      local n = 0
      for _ = 1, 200 do for _ in io.lines('a') do n = n + 1 end end
      collectgarbage("restart")
      return n]]))
  end)

  helpers.it_unless(helpers.no_close, "are closed by to-be-closed variables, and by a loop that is left", function()
    local box = helpers.box { files = { ["/"] = tree { a = "one\ntwo\n" } } }
    assert.equal(100, box:dostring([[
      collectgarbage("stop")
      local n = 0
      for _ = 1, 50 do
        local f <close> = assert(io.open("a"))
        for _ in io.lines("a") do n = n + 2 break end
      end
      return n]]))
  end)

  it("are closed with the box: the process' open files stay as many as they were", function()
    local path = tree { a = "text" }
    local grants = { ["/"] = { path = path, write = true }, ["/b"] = path }
    local function round()
      for way = 1, 4 do
        local box = sandbox.new { files = grants, cpu = 0.05 }
        box:dostring("for i = 1, 5 do _G['f' .. i] = io.open('a') end")
        -- A soft stop leaves them open, as the box goes on; a kill closes them.
        if way == 2 then pcall(box.dostring, box, "while true do end") end
        if way == 3 then pcall(box.dostring, box, "string.rep('x', 1e5):find(('.-'):rep(50) .. 'y')") end
        if way ~= 4 then box:close() end
      end
      collectgarbage() collectgarbage()
    end
    round()
    local before = open_files()
    for _ = 1, 3 do round() end
    assert.equal(before, open_files())
  end)

  it("stay open through a soft stop, their position kept", function()
    if helpers.no_soft_stop then return pending(helpers.no_soft_stop) end
    local box = helpers.box { files = { ["/"] = tree { a = "one\ntwo\nthree\n" } }, cpu = 0.1 }
    pcall(box.dostring, box, "f = io.open('a') f:read() while true do end")
    assert.equal("exhausted", (box:status()))
    box:limits { cpu = 1 }
    assert.same({ "two", "three\n" }, { box:dostring("return f:read(), f:read('*a')") })
  end)

  it("are output: bytes written count, and stop the box at its limit", function()
    local path = tree { a = "" }
    local box = helpers.box { files = { ["/"] = { path = path, write = true } }, output = 1000 }
    box:dostring("f = io.open('a', 'w') f:write(('x'):rep(900))")
    assert.equal(900, box:usage().output)
    local code = "pcall(f.write, f, ('y'):rep(500)) while true do end"
    helpers.raises(function() box:dostring(code) end, "output limit of 1000 bytes exceeded")
    assert.equal("output", select(2, box:status()))
    assert.equal(("x"):rep(900) .. ("y"):rep(100), content(path .. "/a"))
    box:limits { output = 10 }
    box:dostring("f:write('z')")
    assert.equal(("x"):rep(900) .. ("y"):rep(100) .. "z", content(path .. "/a"))
    -- A handle that can't be written to costs nothing.
    box:dostring("io.open('a'):write(('z'):rep(100))")
    assert.equal("ready", box:status())
  end)

  it("are read within the box's memory", function()
    local path = tree { big = ("x"):rep(4 * helpers.MiB) }
    local box = helpers.box { files = { ["/"] = path }, memory = 2 * helpers.MiB }
    local function fails(code)
      local ok, message = pcall(box.dostring, box, code)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find("not enough memory", 1, true), message)
      assert.equal("ready", box:status())
    end
    fails "return #io.open('big'):read('*a')"
    fails "return #io.open('big'):read('*l')"
    fails "return #loadfile('big')"
    assert.equal(4 * helpers.MiB, box:dostring([[
      local f, n = io.open("big"), 0
      repeat local piece = f:read(8192) n = n + #(piece or "") until not piece
      return n]]))
  end)

  it("read what is asked for while the clock runs", function()
    local path = tree {}
    assert(os.execute(("truncate -s 4G %s/sparse"):format(path)))
    local box = helpers.box { files = { ["/"] = path }, cpu = 0.2, memory = 512 * helpers.MiB }
    helpers.assert_cpu_stop(box, 0.2, "local f = io.open('sparse') while true do f:seek('set') repeat until not f:read(65536) end")
  end)
end)
