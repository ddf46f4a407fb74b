#!/usr/bin/env bash
# The fuzz test in its long form: test/fuzz/run.sh [--seconds 600] [--seed 1] [--only http|queue]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.."
. ops/prepare.sh

require_node
install_packages
build
exec node --import=tsx test/fuzz/run.ts "$@"
