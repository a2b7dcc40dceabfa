--- box:save and sandbox.restore of a box with boxes below it: in this process, and in another, where everything lies elsewhere.

local helpers = require "spec.helpers"
local sandbox = require "sandbox"

local elsewhere = helpers.is_jit and "LuaJIT hashes whole addresses: a box comes back only where it lay"

-- What runs on each of three levels: it makes the next one with the same program, until `levels` is used up. Keys that are functions of
-- the interpreter's and of the library's lie elsewhere in another process; a coroutine is suspended with what the level below has told it.
local PROGRAM = [==[
  local source, levels = ...
  level = levels
  functions = { print, pairs, string.rep, string.format, math.floor, table.concat, io.write, os.time, coroutine.wrap, load or loadstring }
  bykey, objects = {}, {}
  for i, f in ipairs(functions) do bykey[f] = i end
  for i = 1, 40 do
    local key = i % 2 == 0 and {} or function() return i end
    objects[i], bykey[key] = key, 100 + i
  end
  gen = coroutine.wrap(function() for i = 1, 1e9 do coroutine.yield(i * levels) end end)
  gen()
  local count = 0
  function up(n) count = count + n return count end
  if levels > 1 then
    below = sandbox.new { memory = 1e6 * levels, cpu = 5 + levels, output = 1000 * levels }
    below:opensandbox()
    below:stdout(io.stdout)
    below:env { LEVEL = "above is " .. levels }
    below:set("call", up)
    below:dostring(source, source, levels - 1)
    add, peek = below:get "up", below:get "look"
    asker = coroutine.wrap(function() while true do coroutine.yield(peek()) end end)
    asker()
  end
  function look()
    for i, f in ipairs(functions) do assert(bykey[f] == i, i) end
    for i, key in ipairs(objects) do assert(bykey[key] == 100 + i, i) end
    for k, v in pairs(bykey) do assert(bykey[k] == v) end
    collectgarbage()
    local text = table.concat({ level, gen(), up(1), call and call(10) or "-", os.getenv "LEVEL" or "-", tostring(objects[2]),
      tostring(print), math.random(1e6) }, " ")
    if level == 1 then return text end
    local limits = below:limits()
    return text .. " " .. table.concat({ add(100), limits.memory, limits.cpu, limits.output, limits.depth, below:status(),
      below:usage().boxes }, " ") .. "\n" .. asker()
  end
]==]

-- A box with two more levels below it, which has been used a little.
local function tree(options)
  local box = helpers.box(options)
  box:opensandbox()
  box:dostring(PROGRAM, PROGRAM, 3)
  box:dostring "look() look()"
  return box
end

-- What a process prints in which `code` finds the image in the file `path` as `image`, restored as `box`.
local function elsewhere_prints(path, code)
  local output, status = helpers.in_process(([[
    local sandbox = require "sandbox"
    local before = sandbox.new()
    local image = assert(io.open(%q, "rb")):read "*a"
    local box = sandbox.restore(image)
    %s]]):format(path, code))
  assert.equal(0, status, output)
  return output
end

describe("saved boxes with boxes below them", function()
  after_each(helpers.tidy)

  it("come back in this process", function()
    local box = tree()
    local image = box:save()
    local expected = box:dostring "return look()"
    box:close()
    local again = sandbox.restore(image)
    assert.equal(2, again:usage().boxes)
    assert.equal(expected, again:dostring "return look()")
    again:close()
  end)

  helpers.it_unless(elsewhere, "come back in another process, three levels deep", function()
    local box = tree()
    local path = helpers.file(box:save())
    local expected = box:dostring "return look()"
    assert.equal(3, select(2, expected:gsub("[^\n]+", "")), expected)
    assert.truthy(expected:find("above is 3", 1, true) and expected:find("above is 2", 1, true), expected)
    for _ = 1, 2 do
      local output = elsewhere_prints(path, [[
        assert(box:usage().boxes == 2)
        print(box:dostring "return look()")
        for _ = 1, 30 do box:dostring "look()" end
        box:dostring "below:dostring 'below:close()'"
        assert(box:usage().boxes == 1)
        box:close()]])
      assert.equal(expected .. "\n", output)
    end
  end)

  helpers.it_unless(elsewhere, "go on as they were when they are copied again there", function()
    local box = tree()
    local path = helpers.file(box:save())
    local expected = box:dostring "return look()"
    local output = elsewhere_prints(path, [[
      local mark, clone, again = box:checkpoint(), box:clone(), sandbox.restore(box:save())
      for _, copy in ipairs { box, clone, again } do print(copy:dostring "return look()") end
      box:rollback(mark)
      print(box:dostring "return look()")]])
    assert.equal((expected .. "\n"):rep(4), output)
  end)

  helpers.it_unless(elsewhere, "keep the limits of each level there, and charge all above", function()
    local box = tree { memory = 8e6, output = 100 }
    box:dostring "below:dostring [[kept = ('x'):rep(3e5)]]"
    local path = helpers.file(box:save())
    local used = box:usage().memory
    local output = elsewhere_prints(path, [==[
      local function try(code) print(pcall(box.dostring, box, code)) end
      print(box:usage().memory)
      try "below:dostring [[below:dostring 'local s = (\"x\"):rep(1.9e6)']]"
      try "below:dostring [[local s = ('x'):rep(2.9e6)]]"
      box:limits { memory = box:usage().memory + 5e5 }
      try "below:dostring [[below:dostring 'local s = (\"x\"):rep(8e5)']]"
      box:stdout(assert(io.tmpfile()))
      try "below:dostring [[below:dostring 'while true do print(12345) end']]"
      print(box:status())
      box:limits { output = 1000, memory = 8e6 }
      print(box:dostring "return below:status(), below:dostring 'return below:status()'")
      box:dostring "look()"
      print(box:usage().boxes)]==])
    local there, rest = output:match "^(%d+)\n(.*)$"
    -- The heaps are the same; what lies outside them (buffers, books) need not be.
    assert.is_true(math.abs(tonumber(there) - used) < 1e5, there .. " there, " .. used .. " here")
    local lines = {}
    for line in rest:gmatch "[^\n]+" do lines[#lines + 1] = line end
    for i = 1, 3 do
      assert.truthy(lines[i]:find("^false") and lines[i]:find("not enough memory", 1, true), lines[i])
    end
    assert.truthy(lines[4]:find "^false.*output limit of 100 bytes exceeded", lines[4])
    assert.same({ "exhausted\toutput", "ready\tready", "2" }, { lines[5], lines[6], lines[7] })
  end)

  helpers.it_unless(elsewhere, "come back there without a box that was killed, which stays so", function()
    local box = tree()
    assert.is_false(box:dostring [==[
      return (below:dostring [[
        killer = sandbox.new { cpu = 0.05 }
        return pcall(killer.dostring, killer, "local s = ('a'):rep(30000) s:find(('.-'):rep(30) .. 'b')")
      ]])]==])
    assert.equal("killed cpu", box:dostring "return below:dostring [[return table.concat({ killer:status() }, ' ')]]")
    local expected = box:dostring "return below:dostring [[return (select(2, pcall(killer.get, killer, 'x')))]]"
    local output = elsewhere_prints(helpers.file(box:save()), [==[
      print(box:dostring "return below:dostring [[return (killer:status())]]")
      print(box:dostring "return below:dostring [[return (select(2, pcall(killer.get, killer, 'x')))]]")
      box:dostring "look()"]==])
    assert.equal("killed\n" .. expected .. "\n", output)
  end)

  helpers.it_unless(elsewhere, "are refused whole there where one of them finds no memory", function()
    local box = tree()
    local path = helpers.file(box:save())
    local output = elsewhere_prints(path, [[
      box:close()
      local least
      for kilobytes = 20, 2000, 20 do
        local ok, said = pcall(sandbox.restore, image, { memory = kilobytes * 1000 })
        if ok then
          least = kilobytes
          assert(said:usage().boxes == 2)
          said:limits { memory = 8e6 }
          said:dostring "look()"
          said:close()
          break
        end
        assert(said:find("not enough memory", 1, true), said)
      end
      print(least and least > 60)]])
    assert.equal("true\n", output)
  end)
end)
