rockspec_format = "3.0"
package = "safelua"
version = "scm-1"

-- A .lua file is a source that luarocks takes where it lies, with no archive to unpack; `dir` then leads to the
-- checkout around it. So `luarocks install safelua-scm-1.rockspec` works in any checkout, and builds what is there,
-- committed or not. (git+file:// needs an absolute path: luarocks clones from a directory of its own.)
source = {
   url = "file://scripts/rock.lua",
   dir = "..",
}

description = {
   summary = "Separate Lua states for code that nobody vouches for",
   detailed = [[
      Boxes: Lua states with limits on memory, CPU time and real time, with streams and an environment of their own.
      Builds with cargo: a Rust toolchain is needed.
   ]],
   license = "MIT",
   labels = { "sandbox", "security" },
}

supported_platforms = { "linux" }

dependencies = {
   "lua >= 5.1, < 5.6",
}

build = {
   type = "command",
   build_command = [["$(LUA)" scripts/rock.lua build]],
   install_command = [["$(LUA)" scripts/rock.lua install "$(LIBDIR)"]],
   -- The command: its modules, and a script that luarocks wraps for the Lua it installs for.
   install = {
      bin = { safelua = "command/bin/safelua" },
      lua = {
         ["safelua.help"] = "command/safelua/help.lua",
         ["safelua.image"] = "command/safelua/image.lua",
         ["safelua.job"] = "command/safelua/job.lua",
         ["safelua.main"] = "command/safelua/main.lua",
         ["safelua.options"] = "command/safelua/options.lua",
         ["safelua.pipe"] = "command/safelua/pipe.lua",
         ["safelua.progress"] = "command/safelua/progress.lua",
         ["safelua.prompt"] = "command/safelua/prompt.lua",
         ["safelua.replay"] = "command/safelua/replay.lua",
         ["safelua.report"] = "command/safelua/report.lua",
         ["safelua.terminal"] = "command/safelua/terminal.lua",
         ["safelua.units"] = "command/safelua/units.lua",
      },
   },
   -- With the manual page, docs/safelua.1.
   copy_directories = { "docs" },
}
