#!/usr/bin/env bash
# Runs a program in the foreground, built first where it is not: npm start, npm run worker, npm run hub, npm run seed, npm run reset.
# run.sh api|worker|hub|seed|reset [arguments of the program]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. ops/prepare.sh

prepare() {
  require_node
  if is_installed && is_built; then return; fi
  lock
  install_packages
  build
  unlock
}

case ${1-} in
  api) program=api/server ;;
  worker) program=consumer/supervisor ;;
  hub) program=hub/supervisor ;;
  seed | reset) program=ops/$1 ;;
  *) fail "run.sh runs api, worker, hub, seed or reset, got: ${1-nothing}." ;;
esac
# Standard output is the program's, whose log others may read.
prepare >&2
[[ $1 == seed || $1 == reset ]] || node dist/ops/migrate.js --if-there >&2
shift
exec node "dist/$program.js" "$@"
