--- A line on the terminal for a run that takes its time.
--
-- While a box runs, its host gets no turn. So the line is drawn by a process of its own, a small shell script, which looks at the
-- time and at what the system says of this process: its CPU time and memory, boxes, command and all. It ends when the pipe to it is
-- closed, and so with this process, too, whatever becomes of that.

local units = require("safelua.units")

local SCRIPT = [[
parent=$PPID hertz=$(getconf CLK_TCK) page=$(getconf PAGESIZE) half=2 shown=
timeout 1 cat >/dev/null
while [ $? = 124 ]; do
  stat=$(cat "/proc/$parent/stat") || break
  set -- ${stat##*)}
  shown=yes
  printf '\r\033[Ksafelua: %%d s, process: cpu %%d s%s, memory %%d MB\r' \
    $((half / 2)) $(((${12} + ${13}) / hertz)) $((${22} * page / 1048576)) >&2
  half=$((half + 1))
  timeout 0.5 cat >/dev/null
done
[ -z "$shown" ] || printf '\r\033[K' >&2
]]

--- Starts it; the function it returns takes the line away, and may be called twice.
return function(settings)
    local cpu = settings.limits.cpu or 10
    local of = cpu < math.huge and " of " .. units.show_seconds(cpu):gsub("%.?0+ s$", " s") or ""
    local pipe = io.popen(SCRIPT:format(of), "w")
    return function()
        if pipe then
            pipe:close()
            pipe = nil
        end
    end
end
