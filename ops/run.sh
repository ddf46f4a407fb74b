#!/usr/bin/env bash
# Runs a program in the foreground, built first where it is not: npm start, npm run worker and npm run hub, and what the
# command line has beside them: npm run seed, npm run reset, npm run queue, npm run load.
# run.sh api|worker|hub|seed|reset|queue|load [arguments of the program]
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
  seed | reset | queue | load) program=cli/orders ;;
  *) fail "run.sh runs api, worker, hub, seed, reset, queue or load, got: ${1-nothing}." ;;
esac
# Standard output is the program's, whose log others may read.
prepare >&2
if [[ $program != cli/orders ]]; then
  node dist/ops/migrate.js --if-there >&2
  shift
fi
exec node "dist/$program.js" "$@"
