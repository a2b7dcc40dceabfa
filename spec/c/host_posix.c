/* What a host does with the process: signals, timers, limits, fork, locale and random numbers of libc. */
#define _GNU_SOURCE
#include <lua.h>
#include <lauxlib.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct { const char *name; int number; } names[] = {
  {"HUP", SIGHUP}, {"INT", SIGINT}, {"TERM", SIGTERM}, {"ALRM", SIGALRM}, {"PIPE", SIGPIPE}, {"CHLD", SIGCHLD},
  {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"SEGV", SIGSEGV}, {"BUS", SIGBUS},
  {"FPE", SIGFPE}, {"ILL", SIGILL}, {"ABRT", SIGABRT}, {NULL, 0}
};

static volatile sig_atomic_t counts[NSIG];
static lua_State *interrupted;

static int number_of(lua_State *L, int index) {
  const char *name = luaL_checkstring(L, index);
  int i;
  for (i = 0; names[i].name; i++)
    if (strcmp(names[i].name, name) == 0) return names[i].number;
  return luaL_error(L, "unknown signal %s", name);
}

static void counting(int signal) { counts[signal]++; }

static void handle(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, NULL);
}

/* count(name): installs a handler that counts; counted(name) -> how many came */
static int count(lua_State *L) {
  int signal = number_of(L, 1);
  counts[signal] = 0;
  handle(signal, counting);
  return 0;
}

static int counted(lua_State *L) {
  lua_pushinteger(L, counts[number_of(L, 1)]);
  return 1;
}

static int ignore(lua_State *L) {
  handle(number_of(L, 1), SIG_IGN);
  return 0;
}

static int usual(lua_State *L) {
  handle(number_of(L, 1), SIG_DFL);
  return 0;
}

static int send(lua_State *L) {
  raise(number_of(L, 1));
  return 0;
}

/* after(name, seconds): this process gets the signal once, after that long */
static int after(lua_State *L) {
  struct sigevent event;
  struct itimerspec when;
  timer_t timer;
  double seconds = luaL_checknumber(L, 2);
  memset(&event, 0, sizeof event);
  memset(&when, 0, sizeof when);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = number_of(L, 1);
  when.it_value.tv_sec = (time_t)seconds;
  when.it_value.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &when, NULL) != 0)
    return luaL_error(L, "no timer: %s", strerror(errno));
  return 0;
}

/* interval(seconds): SIGALRM again and again by setitimer; 0 ends it */
static int interval(lua_State *L) {
  struct itimerval when;
  double seconds = luaL_checknumber(L, 1);
  when.it_value.tv_sec = (time_t)seconds;
  when.it_value.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6);
  when.it_interval = when.it_value;
  setitimer(ITIMER_REAL, &when, NULL);
  return 0;
}

/* interrupt(name): on that signal this state gets a hook that raises, as lua.c does on SIGINT */
static void raising(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted by the host's handler");
}

static void interrupting(int signal) {
  counts[signal]++;
  lua_sethook(interrupted, raising, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static int interrupt(lua_State *L) {
  interrupted = L;
  counts[number_of(L, 1)] = 0;
  handle(number_of(L, 1), interrupting);
  return 0;
}

/* handlers() -> what each signal does now, one string; mask() -> which signals are blocked */
static int handlers(lua_State *L) {
  int i;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (i = 0; names[i].name; i++) {
    struct sigaction action;
    char text[80];
    /* the faults' handlers may be the library's: those it hands on */
    if (names[i].number == SIGSEGV || names[i].number == SIGBUS || names[i].number == SIGFPE ||
        names[i].number == SIGILL || names[i].number == SIGABRT) continue;
    sigaction(names[i].number, NULL, &action);
    snprintf(text, sizeof text, "%s=%p/%x ", names[i].name, (void *)action.sa_handler, (unsigned)action.sa_flags);
    luaL_addstring(&b, text);
  }
  luaL_pushresult(&b);
  return 1;
}

static int mask(lua_State *L) {
  sigset_t set;
  luaL_Buffer b;
  int i;
  sigprocmask(SIG_BLOCK, NULL, &set);
  luaL_buffinit(L, &b);
  for (i = 1; i < NSIG; i++) luaL_addchar(&b, sigismember(&set, i) == 1 ? '1' : '0');
  luaL_pushresult(&b);
  return 1;
}

/* A host that lives with faults of its own: catch_faults() installs its handler, fault() provokes one and recovers */
static sigjmp_buf recovery;

static void recovering(int signal) {
  counts[signal]++;
  siglongjmp(recovery, 1);
}

static int catch_faults(lua_State *L) {
  (void)L;
  counts[SIGSEGV] = 0;
  handle(SIGSEGV, recovering);
  return 0;
}

static int fault(lua_State *L) {
  volatile int *volatile nowhere = (volatile int *)8;
  if (sigsetjmp(recovery, 1) == 0) *nowhere = 1;
  lua_pushinteger(L, counts[SIGSEGV]);
  return 1;
}

/* fork(f) -> "exit" or "signal", code: f runs in the child; its true result is exit code 0 */
static int fork_(lua_State *L) {
  pid_t pid;
  int status = 0;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  fflush(NULL);
  pid = fork();
  if (pid < 0) return luaL_error(L, "no fork: %s", strerror(errno));
  if (pid == 0) {
    int failed;
    lua_settop(L, 1);
    failed = lua_pcall(L, 0, 1, 0);
    if (failed) fprintf(stderr, "in the forked child: %s\n", lua_tostring(L, -1) ? lua_tostring(L, -1) : "?");
    _exit(failed ? 3 : lua_toboolean(L, -1) ? 0 : 2);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  lua_pushstring(L, WIFSIGNALED(status) ? "signal" : "exit");
  lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}

/* setrlimit("as" | "data", bytes): the soft limit only, so that it can be lifted again */
static int setrlimit_(lua_State *L) {
  const char *what = luaL_checkstring(L, 1);
  int resource = strcmp(what, "as") == 0 ? RLIMIT_AS : RLIMIT_DATA;
  struct rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_cur = lua_isnoneornil(L, 2) ? limit.rlim_max : (rlim_t)luaL_checknumber(L, 2);
  if (setrlimit(resource, &limit) != 0) return luaL_error(L, "no rlimit: %s", strerror(errno));
  return 0;
}

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int now(lua_State *L) {
  lua_pushnumber(L, seconds_of(CLOCK_MONOTONIC));
  return 1;
}

static int sleep_(lua_State *L) {
  double until = seconds_of(CLOCK_MONOTONIC) + luaL_checknumber(L, 1), left;
  while ((left = until - seconds_of(CLOCK_MONOTONIC)) > 0) usleep((useconds_t)(left < 0.5 ? left * 1e6 + 1 : 500000));
  return 0;
}

static int srand_(lua_State *L) {
  srand((unsigned)luaL_checknumber(L, 1));
  return 0;
}

static int rand_(lua_State *L) {
  lua_pushinteger(L, rand());
  return 1;
}

static int mkfifo_(lua_State *L) {
  if (mkfifo(luaL_checkstring(L, 1), 0600) != 0) return luaL_error(L, "no fifo: %s", strerror(errno));
  return 0;
}

static const luaL_Reg functions[] = {
  {"after", after}, {"catch_faults", catch_faults}, {"count", count}, {"counted", counted}, {"fault", fault},
  {"fork", fork_}, {"handlers", handlers}, {"ignore", ignore}, {"interrupt", interrupt}, {"interval", interval},
  {"mask", mask}, {"mkfifo", mkfifo_}, {"now", now}, {"rand", rand_}, {"send", send}, {"setrlimit", setrlimit_},
  {"sleep", sleep_}, {"srand", srand_}, {"usual", usual}, {NULL, NULL}
};

int luaopen_host_posix(lua_State *L) {
  const luaL_Reg *f;
  lua_newtable(L);
  for (f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
