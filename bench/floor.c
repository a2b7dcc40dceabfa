/* The floors of `make bench`: the least in C that a state, a call into another state and memory cost, without a guard or a limit; and the
   clocks that all cases are timed by. */
#define _GNU_SOURCE
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

static lua_State *open_state(lua_State *L) {
  lua_State *state = luaL_newstate();
  if (state == NULL) luaL_error(L, "no memory for a state");
  luaL_openlibs(state);
  return state;
}

/* states(n): makes a state, opens the libraries and closes it, n times */
static int states(lua_State *L) {
  for (lua_Integer n = luaL_checkinteger(L, 1); n > 0; n--) lua_close(open_state(L));
  return 0;
}

/* hold(n): makes n states that live as long as the process */
static int hold(lua_State *L) {
  for (lua_Integer n = luaL_checkinteger(L, 1); n > 0; n--) open_state(L);
  return 0;
}

static uint64_t ticks(void) {
#if defined(__x86_64__)
  return __rdtsc();
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

static lua_State *other;
static locale_t plain;
static uint64_t used;

static int keep_message(lua_State *L) { (void)L; return 1; }

/* Calls the function that is kept in the other state with an integer; gives what it gives. */
static int cross(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  uint64_t began = ticks();
  locale_t before = uselocale(plain);
  lua_rawgeti(other, 2, 1);
  lua_pushinteger(other, n);
  int failed = lua_pcall(other, 1, LUA_MULTRET, 1);
  lua_Integer result = lua_tointeger(other, -1);
  lua_settop(other, 2);
  uselocale(before);
  used += ticks() - began;
  if (failed) return luaL_error(L, "the call has failed");
  lua_pushinteger(L, result);
  return 1;
}

/* crossing(code): a function that does the least that a call into a box must do: calls what the code returns in a state of its own, under
   a pcall with a message handler and the C locale, between two readings of the clock */
static int crossing(lua_State *L) {
  const char *code = luaL_checkstring(L, 1);
  other = open_state(L);
  plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  lua_pushcfunction(other, keep_message);
  lua_newtable(other);
  if (luaL_loadstring(other, code) != 0 || lua_pcall(other, 0, 1, 0) != 0) {
    return luaL_error(L, "the other state's code has failed");
  }
  lua_rawseti(other, 2, 1);
  lua_pushcfunction(L, cross);
  return 1;
}

/* touch(n, bytes): asks the system for n pieces of memory, side by side, all at once, and writes to each of their pages */
static int touch(lua_State *L) {
  size_t length = (size_t)luaL_checknumber(L, 1) * (size_t)luaL_checknumber(L, 2);
  char *piece = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (piece == MAP_FAILED) return luaL_error(L, "no memory to touch");
#if defined(MADV_POPULATE_WRITE)
  madvise(piece, length, MADV_POPULATE_WRITE);
#endif
  for (size_t at = 0; at < length; at += 4096) ((volatile char *)piece)[at] = 1;
  return 0;
}

static int seconds(lua_State *L, clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
  return 1;
}

/* cpu(): seconds of CPU time of this process, all its threads together, to the nanosecond */
static int cpu(lua_State *L) { return seconds(L, CLOCK_PROCESS_CPUTIME_ID); }

/* now(): seconds of real time since some moment */
static int now(lua_State *L) { return seconds(L, CLOCK_MONOTONIC); }

static const luaL_Reg functions[] = {
  {"cpu", cpu},
  {"crossing", crossing},
  {"hold", hold},
  {"now", now},
  {"states", states},
  {"touch", touch},
  {NULL, NULL},
};

int luaopen_floor(lua_State *L) {
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name != NULL; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
