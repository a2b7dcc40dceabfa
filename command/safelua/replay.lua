--- `safelua --replay`: a run again, by the journal that `--record` has written.

local sandbox = require("sandbox")
local Job = require("safelua.job")
local options = require("safelua.options")

--- Runs what the journal holds, with its output to stdout and stderr; gives the job, as if it had run here.
return function(settings)
    local path = settings.replay
    local journal, message = io.open(path, "rb")
    if not journal then
        options.refuse("option '--replay': %s", message)
    end
    local ok, box, _, cut = pcall(sandbox.replay, journal, { stdout = io.stdout, stderr = io.stderr })
    journal:close()
    if not ok then
        return nil, ("%s: %s"):format(path, tostring(box):gsub("^[^:]*:%d+: ", ""))
    end
    local job = Job.over(box, path)
    local trace = box:traceback()
    job:ended(trace == nil, trace)
    if cut and not job.error then
        job.exit, job.error = 1, path .. ": the journal has no end: it was cut, or is being written still"
    end
    return job
end
