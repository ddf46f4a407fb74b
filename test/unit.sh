#!/usr/bin/env bash
# The tests of code alone, which need no server.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. ops/prepare.sh

require_node
install_packages
build_tap
# By itself tap ends all after 30 s, which a busy machine takes. Of what passes the last line is enough.
output=$(TAP_TIMEOUT=600 node --import=tsx test/unit.ts) || {
  echo "$output"
  exit 1
}
tail -n 20 <<<"$output" | grep 'passed, '
