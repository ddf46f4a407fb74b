#!/usr/bin/env bash
# The fault suite: test/faults/run.sh [--only 5,6] [--accepted 20000] [--seed 1] [--hours 2] [--tls] [--node 24] [--results file.json]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.."
. ops/prepare.sh

require_node
install_packages
build
exec node --import=tsx test/faults/run.ts "$@"
