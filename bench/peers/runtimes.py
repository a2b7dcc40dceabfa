"""What lupa takes, in seconds of CPU time for each: lines `name=seconds` for bench/cases/peers.lua. It sets no limits."""

import gc
import sys
import time

try:
    import lupa
except ImportError:
    sys.exit("python3-lupa is not installed")


def each(name, turns, work):
    work(10)
    gc.collect()
    began = time.process_time()
    work(turns)
    gc.collect()
    print(f"{name}={(time.process_time() - began) / turns:.9g}")


def new(turns):
    for _ in range(turns):
        lupa.LuaRuntime()


def run(turns):
    for _ in range(turns):
        lupa.LuaRuntime().execute("return 1")


runtime = lupa.LuaRuntime()
double = runtime.eval("function(n) return 2 * n end")


def call(turns):
    for i in range(turns):
        double(i)


loop = runtime.eval("function(n, double) for i = 1, n do double(i) end return double(n) end")
host_double = lambda n: 2 * n  # noqa: E731
assert loop(21, host_double) == 42

each("new", 200, new)
each("run", 200, run)
each("call", 20000, call)
each("callback", 20000, lambda turns: loop(turns, host_double))
