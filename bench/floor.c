/* The floor of `make bench`: plain Lua states, made and closed by the C API alone, and the clocks that all cases are timed by. */
#include <stdlib.h>
#include <time.h>

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
  {"hold", hold},
  {"now", now},
  {"states", states},
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
