--- What `safelua --help` prints.

return [==[
usage: safelua [options] [script [args]]
       safelua [options] --pipe script script ...

Runs Lua code in a box: a separate Lua state with limits, which sees nothing but what it is granted.
The box's stdin, stdout and stderr are those of this process.

  -e CODE                 runs this code; may be given several times, before the script
  -                       the script is read from stdin, as it is when nothing else is named
  -i                      asks for code, line by line, after the script; without a script
                          on a terminal that is what happens anyway
  --pipe                  runs several scripts, each in a box with all these limits, each reading what the
                          one before it writes; a script and its arguments are one word: 'match.lua ^a'
  -v, --version           shows the version
  -h, --help              shows this

limits ('none' lifts one):
  --memory SIZE           64M unless set; K, M, G are powers of 1024
  --cpu TIME              CPU time, 10s unless set; us, ms, s, m, h
  --wall TIME             real time
  --instructions NUMBER   instructions of the virtual machine: 1e9, 10M
  --output SIZE           what is written to stdout, stderr and files
  --files NUMBER          files open at once, 16 unless set

grants:
  --read DIR[:/inside]    a directory to read from, seen under its own name or as /inside
  --write DIR[:/inside]   a directory to read from and write to
  --env NAME[=VALUE]      a variable of the environment; without a value, the one of this process
  --module NAME=PATH      what require "NAME" gives: a Lua file

  --record FILE           writes down everything that the script is told, as a journal
  --replay FILE           runs a journal again: the same outputs, errors and status, with no script, input or grant

  --save-on-exit FILE     when the script has ended, however it did, writes the box to this file, unless a limit killed it
  --restore FILE          runs the code in the box that was saved there, not in a new one; limits are those it was saved
                          with unless set, grants are given anew
  --key FILE              signs the image by what this file holds, and refuses one that isn't signed so

  --report[=json]         at the end, tells on stderr how it came out and what it used; on a terminal, how far it
                          is while it runs and is silent

exit status: that which the script gives to os.exit; 1 after an error, 2 for misuse of this command, 124 when
out of cpu or wall time, 125 when another limit was reached
]==]
