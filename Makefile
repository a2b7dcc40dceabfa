# What there is to make: see `make help`.

LUAS := 5.1 5.2 5.3 5.4 jit
# One or several of LUAS: `make build LUA=5.4`.
LUA ?= $(LUAS)
# Suites of `make test`, all of them if empty: `make test LUA=jit SUITES="spec attacks"`.
SUITES ?=
# Soaks of `make soak`, all of spec/soak/ if empty: `make soak LUA=jit SOAK="driver threads" SEED=7`.
SOAK ?=
export SIZE SEED

# How long each fuzzer runs: `make fuzz LUA=jit SECONDS=600`.
SECONDS ?= 120

.DEFAULT_GOAL := build
.PHONY: help build test soak demo docs playground screenshot bench count fuzz valgrind clean

help:
	@echo 'make build [LUA=5.4]                  build/<lua>/sandbox.so for $(LUAS)'
	@echo 'make test [LUA=5.4] [SUITES="spec"]   every suite on each Lua; logs in build/log'
	@echo 'make soak [LUA=5.4] [SOAK="driver"]    the sweeps and soaks in their long form; SIZE=n, SEED=n'
	@echo 'make demo                             installs the rock in build/rocks and runs the examples with it'
	@echo 'make playground [PORT=8080]           a page to try programs on, at 127.0.0.1, until Ctrl-C'
	@echo 'make screenshot                       draws docs/playground.png anew'
	@echo 'make docs                             the manual in build/docs, by LDoc'
	@echo 'make bench [LUA=5.4]                  the benchmarks; of all Luas: bench/RESULTS.md and its chart'
	@echo 'make count [LUA=5.4] [BASE=1]          instructions by kind of work, compared with bench/COUNTS.md'
	@echo 'make fuzz [LUA=5.4] [SECONDS=120]     the fuzzers of fuzz/, each for so long, on 5.4 unless one is named'
	@echo 'make valgrind [LUA=5.4]               the cargo tests under memcheck, on 5.4 unless one is named'
	@echo 'make clean                            removes build/ and target/'

build:
	@scripts/setup build
	@set -e; for lua in $(LUA); do scripts/build "$$lua"; echo "build/$$lua/sandbox.so"; done

# Whatever happens, the last line says how many passed and failed.
test:
	@scripts/setup test || { echo '0 passed, 1 failed'; exit 1; }
	@scripts/test -l "$(LUA)" $(if $(SUITES),-s "$(SUITES)")

# Hours, if all are run for all.
soak:
	@scripts/setup test
	@scripts/soak -l "$(LUA)" $(SOAK)

demo:
	@scripts/setup test
	@scripts/demo

PORT ?= 8080

playground:
	@scripts/setup playground
	@scripts/build jit
	@scripts/playground -p $(PORT)

screenshot:
	@scripts/setup test
	@scripts/build jit
	@luajit spec/playground/run.lua --screenshot docs/playground.png

docs:
	@scripts/setup test
	@scripts/docs

# About three minutes for all.
bench:
	@scripts/setup bench
	@for lua in $(LUA); do scripts/build $$lua || exit 1; done
	@bench/run $(LUA)

# BASE=1 makes these counts the ones to compare with.
count:
	@scripts/setup count
	@for lua in $(LUA); do scripts/build $$lua || exit 1; done
	@BASE=$(BASE) bench/count/run $(LUA)

# One Lua: the first that is named on the command line, else 5.4.
ONE = $(if $(filter command line,$(origin LUA)),$(firstword $(LUA)),5.4)

fuzz:
	@scripts/fuzz -l $(ONE) -t $(SECONDS)

valgrind:
	@scripts/setup test
	@scripts/valgrind $(ONE)

clean:
	rm -rf build target
