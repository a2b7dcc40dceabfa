-- The rock's build, run by the interpreter that luarocks installs for, which so tells which Lua that is:
--   $(LUA) scripts/rock.lua build
--   $(LUA) scripts/rock.lua install $(LIBDIR)

local function which_lua()
   if rawget(_G, "jit") then
      return "jit"
   end
   return (_VERSION:match("^Lua (5%.[1-5])$"))
end

local function quote(s)
   return "'" .. s:gsub("'", "'\\''") .. "'"
end

-- Lua 5.1 answers with a number, later versions with true or nil first.
local function run(command)
   local ok = os.execute(command)
   if ok ~= true and ok ~= 0 then
      io.stderr:write("safelua: failed: ", command, "\n")
      os.exit(1)
   end
end

local lua = which_lua()
if not lua then
   io.stderr:write("safelua: does not build for ", tostring(_VERSION), "\n")
   os.exit(1)
end

local verb, libdir = ...
if verb == "build" then
   run("sh scripts/build " .. lua)
elseif verb == "install" and libdir then
   run("mkdir -p " .. quote(libdir))
   run("cp build/" .. lua .. "/sandbox.so " .. quote(libdir .. "/sandbox.so"))
else
   io.stderr:write("usage: rock.lua build | install <libdir>\n")
   os.exit(1)
end
