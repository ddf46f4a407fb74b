#!/usr/bin/env bash
# Starts everything that does not run yet: MySQL, Redis and RabbitMQ of this machine, the API, the consumers.
# START_TIMEOUT: how many seconds the API and the consumers get to be ready (30).
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")"
. ops/prepare.sh

create_env() {
  [[ -e .env || -L .env ]] && return
  echo 'Creating .env with a random ADMIN_PASSWORD.'
  (umask 077 && node -e '
    const password = crypto.randomBytes(24).toString("base64url");
    const example = fs.readFileSync(".env.example", "utf8");
    process.stdout.write(example.replace(/^ADMIN_PASSWORD=$/m, "ADMIN_PASSWORD=" + password));
  ' >.env.new) || fail 'Cannot write .env, see above.'
  mv .env.new .env
}

[[ $# -eq 0 ]] || fail "start_services.sh takes no arguments, got: $*. Settings are in .env and the environment."
require_node
lock
create_env
install_packages
build
exec node dist/ops/start.js
