# shellcheck shell=bash
# What start_services.sh and test/run.sh need before Node can take over. To be sourced in the project's folder.

fail() {
  echo "$*" >&2
  exit 1
}

# Runs a command quietly; shows its output only when it fails.
quietly() {
  local output
  output=$("$@" 2>&1) || fail "$output"$'\n'"This failed: $*"
}

is_new_enough() {
  "$1" -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 20) ? 0 : 1)' 2>/dev/null
}

# Where version managers and packages put node, which a shell that nobody logs in to (cron, systemd, sudo) has not in PATH.
node_folders() {
  local home=${HOME-}
  [[ -z $home ]] || printf '%s\n' "$home"/.nvm/versions/node/*/bin "$home"/.local/share/fnm/node-versions/*/installation/bin \
    "$home"/.asdf/installs/nodejs/*/bin "$home"/.local/share/mise/installs/node/*/bin "$home"/.nodenv/versions/*/bin \
    "$home"/.volta/tools/image/node/*/bin "$home"/n/bin "$home"/.local/bin
  printf '%s\n' /usr/local/bin /opt/homebrew/bin /usr/local/n/versions/node/*/bin /opt/node*/bin /usr/local/lib/nodejs/*/bin
}

# Makes sure that node is in PATH and new enough; one that is elsewhere is put in front of it.
require_node() {
  local inPath folder
  inPath=$(command -v node) || inPath=
  if [[ -n $inPath ]] && is_new_enough "$inPath"; then return; fi
  while IFS= read -r folder; do
    if [[ -x $folder/node && -e $folder/npm ]] && is_new_enough "$folder/node"; then
      echo "Using the Node.js in $folder."
      PATH=$folder:$PATH
      return
    fi
  done < <(node_folders | sort -rV)
  [[ -n $inPath ]] ||
    fail 'node is not in PATH: add the folder that it is in, or install Node.js 20.20 or newer, see https://nodejs.org/.'
  fail "Node.js $("$inPath" -p process.versions.node) ($inPath) is too old: install version 20.20 or newer, see https://nodejs.org/, and put its folder first in PATH."
}

# npm writes its own lock file into node_modules as the last step of an installation.
is_installed() {
  local installed=node_modules/.package-lock.json
  [[ -e $installed && ! package-lock.json -nt $installed ]]
}

install_packages() {
  is_installed && return
  echo 'Installing the npm packages.'
  quietly npm ci --include=dev --no-audit --no-fund
}

# The marker is older than the build, so that a file changed meanwhile is built next time. Folders count too:
# they show that a file is gone.
is_built() {
  [[ -e dist/.built && -z $(find package.json tsconfig.json docs/{openapi,asyncapi}.json domain process jobs queue cache db telemetry api consumer hub cli console ops -newer dist/.built -print -quit) ]]
}

build() {
  local marker
  is_built && return
  echo 'Building.'
  marker=$(mktemp)
  quietly npm run build
  mv "$marker" dist/.built
}

# tap generates its Test class from the plugins named in package.json, into node_modules.
build_tap() {
  local built=node_modules/.tap-built
  if [[ ! -e $built || package.json -nt $built || node_modules/.package-lock.json -nt $built ]]; then
    echo "Building tap's plugins."
    quietly npx tap build
    touch "$built"
  fi
}

# One start or stop of this checkout at a time. The lock is the kernel's: it ends with whoever holds it, and whoever
# starts something lets that hold it too until it can be found again (ops/processes.ts).
lock() {
  mkdir -p .data
  exec 9>.data/lock
  export ORDERS_LOCK=9
  take_lock -n || {
    echo 'Another start or stop is under way: waiting for it.'
    take_lock
  }
}

unlock() {
  exec 9>&-
  unset ORDERS_LOCK
}

# macOS has no flock(1).
take_lock() {
  if command -v flock >/dev/null; then
    flock "$@" 9
  else
    perl -e 'use Fcntl ":flock"; open(my $lock, ">&=", 9); exit !flock($lock, @ARGV ? LOCK_EX | LOCK_NB : LOCK_EX)' -- "$@"
  fi
}
