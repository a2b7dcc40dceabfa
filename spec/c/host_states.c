/* A process that makes and closes host states, one after the other, and counts what they leave behind. */
#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>

/* Bytes that the C library has given out. */
static size_t given_out(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/* One state's whole life; false, and what it said on the stack of L, if its chunk failed. */
static int live(lua_State *L, const char *source, const char *cpath) {
  lua_State *state = luaL_newstate();
  int ok;
  if (!state) return luaL_error(L, "no state");
  luaL_openlibs(state);
  lua_getglobal(state, "package");
  lua_pushstring(state, cpath);
  lua_setfield(state, -2, "cpath");
  lua_settop(state, 0);
  ok = luaL_loadstring(state, source) == 0 && lua_pcall(state, 0, 0, 0) == 0;
  if (!ok) lua_pushstring(L, lua_tostring(state, -1) ? lua_tostring(state, -1) : "(not a string)");
  lua_close(state);
  return ok;
}

/* left(n, source) -> bytes that are still given out after n states, each of which has run the chunk, have been closed */
static int left(lua_State *L) {
  int n = (int)luaL_checknumber(L, 1), i;
  const char *source = luaL_checkstring(L, 2), *cpath;
  size_t before;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "cpath");
  cpath = luaL_checkstring(L, -1);
  before = given_out();
  for (i = 0; i < n; i++)
    if (!live(L, source, cpath)) return lua_error(L);
  lua_pushnumber(L, (lua_Number)given_out() - (lua_Number)before);
  return 1;
}

int luaopen_host_states(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, left);
  lua_setfield(L, -2, "left");
  return 1;
}
