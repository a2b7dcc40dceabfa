-- A directory for an attack that is granted files: what lies in it tempts the box out of it, to what stands outside: `top secret`.
-- `racing`, a process in plain sh swaps a directory for a link that leads out, and cuts and fills a file, over and over.
local tree = {}

local function shell(script, ...)
  for i, value in ipairs { ... } do script = script:gsub("%$" .. i, (value:gsub("%%", "%%%%"))) end
  assert(os.execute(script .. "\ntrue"))
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- Makes the tree; gives its path, with what is granted in `in`.
function tree.make(racing)
  local base = os.tmpname()
  os.remove(base)
  shell([[mkdir -p $1/in/dir/deeper $1/in/swap $1/out && mkfifo $1/in/fifo]], base)
  write(base .. "/secret", "top secret\n")
  write(base .. "/out/file", "top secret\n")
  write(base .. "/in/file", "inside\n")
  write(base .. "/in/dir/file", "inside\n")
  write(base .. "/in/swap/file", "inside\n")
  write(base .. "/in/shrinking", ("inside\n"):rep(1000))
  write(base .. "/in/text.lua", "#!/usr/bin/lua\nreturn 'inside'\n")
  shell([[cd $1/in && ln -s ../secret up && ln -s .. parent && ln -s / root && ln -s $1/secret absolute && ln -s loop loop &&
    ln -s /proc/self/root proc && ln -s /proc/self/fd fds && ln -s dir/../../secret crooked && ln -s dir/../parent/secret chain &&
    ln -s /dev/zero zero && ln -s fifo pipe && ln -s /etc/passwd passwd && ln -s dir/file good]], base)
  shell([[cd $1/in && mknod device c 1 5 2>/dev/null]], base)
  if racing then
    write(base .. "/go", "")
    shell([[cd $1/in && (while [ -e ../go ]; do
      mv -T swap ../held; ln -s ../out swap; rm swap; mv -T ../held swap;
      : > shrinking; cat file file file file > shrinking; done) >/dev/null 2>&1 </dev/null &]], base)
  end
  return base
end

-- What the box must have left alone.
function tree.check(base, check)
  for _, name in ipairs { "/secret", "/out/file" } do
    local file = assert(io.open(base .. name))
    check(file:read("*a") == "top secret\n", name .. " outside of the grant was written to")
    file:close()
  end
  local pipe = assert(io.popen("ls " .. base .. " " .. base .. "/out"))
  for name in pipe:lines() do
    local known = { go = true, held = true, ["in"] = true, out = true, secret = true, file = true }
    check(known[name] or name == "" or name:find(":$"), "a file outside of the grant: " .. name)
  end
  pipe:close()
end

function tree.remove(base)
  os.remove(base .. "/go")
  -- The racing process may be in the middle of a round.
  shell([[for i in 1 2 3 4 5; do rm -rf $1 2>/dev/null && break; sleep 0.2; done]], base)
end

return tree
