#!/usr/bin/env bash
# The tests, with a MySQL, a Redis and a RabbitMQ of their own: test/run.sh [arguments for tap]
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
. ops/prepare.sh

require_node
install_packages
build
build_tap
exec node --import=tsx test/run.ts "$@"
