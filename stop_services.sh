#!/usr/bin/env bash
# Stops what start_services.sh has started. --keep-backends leaves MySQL, Redis and RabbitMQ running.
# STOP_TIMEOUT: how many seconds the API and the consumers get to finish before they are killed (30).
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")"
. ops/prepare.sh

[[ $# -eq 0 || $* == --keep-backends ]] || fail "stop_services.sh takes only --keep-backends, got: $*."
lock
leaves_traces() { [[ -n $(compgen -G '*.pid') || -n $(compgen -G '.data/*/*.pid') || -e .data/docker ]]; }
if ! leaves_traces; then
  echo 'Nothing to stop.'
  exit
fi
require_node
if [[ ! -e dist/ops/stop.js ]]; then
  install_packages
  build
fi
exec node dist/ops/stop.js "$@"
