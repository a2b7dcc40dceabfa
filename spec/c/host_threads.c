/* A host with several OS threads: each with a Lua state of its own, or one state that moves from thread to thread. */
#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MOST 16

struct job {
  pthread_t thread;
  int started, ok;
  const char *source, *cpath; /* strings of the starting state, alive on its stack until all have joined */
  char *result;
};

static char *copied(const char *s) {
  char *copy = malloc(strlen(s) + 1);
  if (copy) strcpy(copy, s);
  return copy;
}

static void *own_state(void *data) {
  struct job *job = data;
  lua_State *L = luaL_newstate();
  if (!L) return NULL;
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_pushstring(L, job->cpath);
  lua_setfield(L, -2, "cpath");
  lua_settop(L, 0);
  job->ok = luaL_loadstring(L, job->source) == 0 && lua_pcall(L, 0, 1, 0) == 0;
  job->result = copied(lua_tostring(L, -1) ? lua_tostring(L, -1) : "(not a string)");
  lua_close(L);
  return NULL;
}

static int start(pthread_t *thread, int kilobytes, void *(*main)(void *), void *data) {
  pthread_attr_t attributes;
  int failed;
  pthread_attr_init(&attributes);
  if (kilobytes > 0) pthread_attr_setstacksize(&attributes, (size_t)kilobytes * 1024);
  failed = pthread_create(thread, &attributes, main, data);
  pthread_attr_destroy(&attributes);
  return failed;
}

/* states(kilobytes, source, ...): each chunk in a state and a thread of its own, all at once, with stacks of that size
   (0: the default). Returns a table of {ok = boolean, result = string}. */
static int states(lua_State *L) {
  struct job jobs[MOST];
  int kilobytes = (int)luaL_checknumber(L, 1), n = lua_gettop(L) - 1, i;
  const char *cpath;
  luaL_argcheck(L, n >= 1 && n <= MOST, 2, "between 1 and 16 chunks");
  for (i = 0; i < n; i++) luaL_checkstring(L, i + 2);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "cpath");
  cpath = luaL_checkstring(L, -1);
  memset(jobs, 0, sizeof jobs);
  for (i = 0; i < n; i++) {
    jobs[i].source = lua_tostring(L, i + 2);
    jobs[i].cpath = cpath;
    jobs[i].started = start(&jobs[i].thread, kilobytes, own_state, &jobs[i]) == 0;
  }
  for (i = 0; i < n; i++)
    if (jobs[i].started) pthread_join(jobs[i].thread, NULL);
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    lua_newtable(L);
    lua_pushboolean(L, jobs[i].ok);
    lua_setfield(L, -2, "ok");
    lua_pushstring(L, jobs[i].result ? jobs[i].result : "the thread or its state could not be made");
    lua_setfield(L, -2, "result");
    lua_rawseti(L, -2, i + 1);
    free(jobs[i].result);
  }
  return 1;
}

struct move {
  lua_State *L;
  int status;
};

static void *same_state(void *data) {
  struct move *move = data;
  move->status = lua_pcall(move->L, lua_gettop(move->L) - 1, LUA_MULTRET, 0);
  return NULL;
}

/* call(kilobytes, f, ...): f in this same state, but on another OS thread, while this one waits */
static int call(lua_State *L) {
  struct move move;
  pthread_t thread;
  int kilobytes = (int)luaL_checknumber(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_remove(L, 1);
  move.L = L;
  move.status = -1;
  if (start(&thread, kilobytes, same_state, &move) != 0) return luaL_error(L, "no thread");
  pthread_join(thread, NULL);
  if (move.status != 0) return lua_error(L);
  return lua_gettop(L);
}

int luaopen_host_threads(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, states);
  lua_setfield(L, -2, "states");
  lua_pushcfunction(L, call);
  lua_setfield(L, -2, "call");
  return 1;
}
