# What the other scripts share; sourced from the checkout's root, never run.
# shellcheck shell=sh disable=SC2034

LUAS="5.1 5.2 5.3 5.4 jit"

# sudo and CI shells often lack rustup's directory.
if ! command -v cargo >/dev/null 2>&1 && [ -x "${HOME:-/root}/.cargo/bin/cargo" ]; then
  PATH="${HOME:-/root}/.cargo/bin:$PATH"
  export PATH
fi

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# describe_lua <5.1|5.2|5.3|5.4|5.5|jit>: what is called differently for each Lua.
# feature: of the crate. interp: the command. pc: pkg-config's name. lib: the linker's name.
# abi: luarocks' and LUA_CPATH_5_x's idea of the version.
describe_lua() {
  case "$1" in
  5.1 | 5.2 | 5.3 | 5.4 | 5.5)
    feature="lua${1%.*}${1#*.}" interp="lua$1" pc="lua$1" lib="lua$1" abi="$1"
    ;;
  jit) feature=luajit interp=luajit pc=luajit lib=luajit-5.1 abi=5.1 ;;
  *) die "no such Lua: '$1' (one of: $LUAS, or 5.5 to build)" ;;
  esac
}
