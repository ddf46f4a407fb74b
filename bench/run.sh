#!/usr/bin/env bash
# The benchmark: bench/run.sh [--quick] [--only post,get-cached] [--against http://host:port --name peer] [--base folder] [--seconds 10]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. ops/prepare.sh

require_node
install_packages
build
exec node --import=tsx bench/run.ts "$@"
