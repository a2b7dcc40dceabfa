--- `safelua --save-on-exit` and `--restore`: a box that goes on in another process.

local helpers = require "spec.helpers"
local command = require "spec.command"

local elsewhere = helpers.is_jit and "LuaJIT hashes whole addresses: a box comes back only where it lay"
local it_unless = helpers.it_unless

local run, has, content = command.expect, command.has, helpers.content

--- What lies beside this file and is named after it.
local function beside(path)
  local _, out = command.shell(("ls -d %s?*"):format(command.quoted(path)))
  return out
end

describe("safelua --save-on-exit", function()
  after_each(helpers.tidy)

  it("writes the box in one step, however the script ends", function()
    local image = helpers.file("old")
    run(0, { "--save-on-exit", image, "-e", "x = 1" })
    local _, err = run(1, { "--save-on-exit", image, "-e", "local t = nil; t.x = 1" })
    has(err, "attempt to index")
    for _, case in ipairs { { 0, "x = 1" }, { 5, "os.exit(5)" }, { 1, "error 'e'" } } do
      local file = assert(io.open(image, "wb"))
      file:write("old")
      file:close()
      run(case[1], { "--save-on-exit", image, "-e", case[2] })
      assert.equal("safelua\26", content(image):sub(1, 8))
    end
    run(125, { "--instructions", "5K", "--save-on-exit", image, "-e", "while true do x = (x or 0) + 1 end" })
    assert.equal("", beside(image))
  end)

  it("says why it can't, and leaves what was there", function()
    local image = helpers.file("old")
    local _, err = run(124, { "--cpu", "50ms", "--save-on-exit", image, "-e",
      "(('x'):rep(1e5)):find(('.-'):rep(100) .. 'y')" })
    has(err, "cpu limit of 0.05 s exceeded", "safelua: the box is not saved: sandbox is killed")
    assert.equal("old", content(image))
    assert.equal("", beside(image))
    _, err = run(1, { "--save-on-exit", "/dev/full", "-e", "print 'ran'" })
    has(err, "the box is not saved: /dev/full: No space left on device")
    local out
    out, err = run(2, { "--save-on-exit", "/nonexistent/image", "-e", "print 'ran'" })
    has(err, "option '--save-on-exit': /nonexistent/image: No such file or directory")
    assert.equal("", out)
    _, err = run(1, { "--save-on-exit", "spec", "-e", "" })
    has(err, "the box is not saved: spec: Is a directory")
    assert.equal("", beside("spec"))
    local line = command.line("--save-on-exit", image, "-e", "for i = 1, 1e6 do print(i) end")
    _, _, err = command.shell(line .. " | head -n 1")
    has(err, "the box is not saved: nobody reads the output any more")
    assert.equal("old", content(image))
  end)
end)

describe("safelua --restore", function()
  after_each(helpers.tidy)

  it_unless(elsewhere, "goes on in the box, again and again", function()
    local image = helpers.file("")
    run(0, { "--save-on-exit", image, "--env", "GIVEN=1", "-e", [[
      n, by_function = 1, { [print] = "print" }
      co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i, n) end end)
      co()
    ]] })
    local script = helpers.file "n = n + 1 print(n, by_function[print], co()) print(os.getenv 'GIVEN', ..., arg[2])"
    for i = 2, 4 do
      local out = run(0, { "--restore", image, "--save-on-exit", image, script, "a", "b" })
      assert.equal(("%d\tprint\t%d\t%d\nnil\ta\tb\n"):format(i, i, i), out)
    end
    assert.equal("4\n5\n", (run(0, { "--restore", image, "-e", "print(n) n = n + 1", "-" }, "print(n)")))
    assert.equal("4 in\n", (run(0, { "--restore", image, "-e", "print(n .. ' ' .. io.read())" }, "in\n")))
  end)

  it_unless(elsewhere, "keeps the limits unless they are set, forgets what was used and how it ended", function()
    local image = helpers.file("")
    local spend = "x = 0 while true do x = x + 1 end"
    run(125, { "--instructions", "5K", "--save-on-exit", image, "-e", spend })
    local _, err = run(125, { "--restore", image, "-e", "assert(x > 100) " .. spend })
    has(err, "instructions limit of 5000 instructions exceeded")
    _, err = run(125, { "--restore", image, "--instructions", "6K", "-e", spend })
    has(err, "instructions limit of 6000 instructions exceeded")
    run(7, { "--save-on-exit", image, "-e", "x = 8 os.exit(7)" })
    assert.equal("> 8\n> ", (run(0, { "--restore", image, "-i" }, "x\n")))
  end)

  it_unless(elsewhere, "brings back a prompt, also after a limit", function()
    local image = helpers.file("")
    local args = { "-i", "--instructions", "1M", "--cpu", "500ms", "--save-on-exit", image }
    run(0, args, "n = 41\nwhile true do end\nn = n + 1\n")
    local out = run(0, { "-i", "--restore", image, "--save-on-exit", image }, "n\nwhile true do end\nn = n + 1\n")
    has(out, "> 42\n")
    -- A box that is killed is followed by another one of the image.
    out = run(0, { "-i", "--restore", image }, "n\nn = 7\n(('x'):rep(1e5)):find(('.-'):rep(100) .. 'y')\nn\n")
    has(out, "> 43\n> > > 43\n")
  end)

  it_unless(elsewhere, "wants the key that the image was signed with", function()
    local image, key = helpers.file(""), helpers.file("secret\n")
    run(0, { "--save-on-exit", image, "--key", key, "-e", "x = 1" })
    assert.equal("1\n", (run(0, { "--restore", image, "--key", key, "-e", "print(x)" })))
    assert.equal("1\n", (run(0, { "--restore", image, "--key", helpers.file("secret"), "-e", "print(x)" })))
  end)

  it("refuses what is signed with another key, altered, or no image", function()
    local image, key = helpers.file(""), helpers.file("secret")
    run(0, { "--save-on-exit", image, "--key", key, "-e", "x = 1" })
    local function refused(path, ...)
      local out, err = run(1, { "--restore", path, "-e", "print 'ran'", ... })
      assert.equal("", out)
      has(err, "safelua: " .. path .. ": ")
      return err
    end
    has(refused(image), "the image is signed (option '--key' is missing), or was altered")
    has(refused(image, "--key", helpers.file("Secret")), "the image is not signed with this key, or was altered")
    local bytes = content(image)
    local altered = helpers.file(bytes:sub(1, -2) .. string.char((bytes:byte(-1) + 1) % 256))
    has(refused(altered, "--key", key), "or was altered")
    has(refused(helpers.file("print 'a script'")), "not an image of a sandbox")
    has(refused(helpers.file("")), "not an image of a sandbox")
  end)

  it("says on LuaJIT what it can't do, and elsewhere works", function()
    local image = helpers.file("")
    run(0, { "--save-on-exit", image, "-e", "x = 1" })
    local status, out, err = command.run { "--restore", image, "-e", "print(x)" }
    if helpers.is_jit and status ~= 0 then
      assert.equal(1, status)
      has(err, "safelua: " .. image .. ": cannot restore the image on LuaJIT")
    else
      assert.equal("1\n", out, err)
    end
  end)

  it("says what is wrong with options", function()
    local function misused(text, ...)
      local _, err = run(2, { ... })
      has(err, "safelua: " .. text, "Try 'safelua --help'.")
    end
    local image = helpers.file("")
    misused("option '--restore': /nonexistent: No such file or directory", "--restore", "/nonexistent", "-e", "")
    misused("option '--restore': spec: Is a directory", "--restore", "spec", "-e", "")
    misused("option '--key': /nonexistent: No such file or directory", "--save-on-exit", image, "--key", "/nonexistent", "-e", "")
    misused(("option '--key': %s is empty"):format(image), "--save-on-exit", image, "--key", image, "-e", "")
    misused("option '--key' is for '--restore' and '--save-on-exit'", "--key", image, "-e", "")
    misused("option '--module' can't be used with '--restore'", "--restore", image, "--module", "a=b.lua", "-e", "")
    misused("option '--record' can't be used with '--restore'", "--restore", image, "--record", image, "-e", "")
    for _, option in ipairs { "--restore", "--save-on-exit" } do
      misused(("option '%s' needs a file"):format(option), option)
      misused(("option '%s' can't be used with '--pipe'"):format(option), option, image, "--pipe", "a.lua")
      misused(("option '%s' can't be used with '--replay'"):format(option), option, image, "--replay", "j")
    end
    local _, err = run(0, { "--save-on-exit", image, "-e", "" })
    assert.equal("", err)
    if not helpers.is_jit then
      misused("option 'files[", "--restore", image, "--read", "/nonexistent", "-e", "")
    end
  end)
end)
