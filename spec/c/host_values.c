/* Values and C functions that a careless host may hand to a box: userdata, functions that raise from C, many results. */
#include <lua.h>
#include <lauxlib.h>

static int throws(lua_State *L) {
  return luaL_error(L, "this userdata cannot be shown");
}

/* new() -> a full userdata without a metatable */
static int new(lua_State *L) {
  *(int *)lua_newuserdata(L, sizeof(int)) = 42;
  return 1;
}

/* thrower() -> a full userdata whose __tostring raises from C */
static int thrower(lua_State *L) {
  *(int *)lua_newuserdata(L, sizeof(int)) = 43;
  lua_newtable(L);
  lua_pushcfunction(L, throws);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  return 1;
}

static int light(lua_State *L) {
  static int there;
  lua_pushlightuserdata(L, &there);
  return 1;
}

/* raise(v): lua_error straight from C */
static int raise_(lua_State *L) {
  lua_settop(L, 1);
  return lua_error(L);
}

/* calls(f, ...): a C frame between two Lua functions */
static int calls(lua_State *L) {
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* many(n) -> 1, 2, ... n, more than `unpack` of some versions gives */
static int many(lua_State *L) {
  int n = (int)luaL_checknumber(L, 1), i;
  luaL_checkstack(L, n, "too many results");
  for (i = 1; i <= n; i++) lua_pushinteger(L, i);
  return n;
}

static const luaL_Reg functions[] = {
  {"new", new}, {"thrower", thrower}, {"light", light}, {"raise", raise_}, {"calls", calls}, {"many", many},
  {NULL, NULL}
};

int luaopen_host_values(lua_State *L) {
  const luaL_Reg *f;
  lua_newtable(L);
  for (f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
