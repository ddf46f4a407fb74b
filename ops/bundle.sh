#!/usr/bin/env bash
# Puts each program of the service and the libraries that it uses into a few files: Node spends most of a process's
# start on finding some 700 of them. Run by `npm run build` after the compiler, in its place in dist/.
# amqplib and mysql2 stay outside, as the fault suite changes them under running programs (test/faults/inject).
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."

programs=(dist/api/{server,worker}.js dist/consumer/{supervisor,worker}.js dist/db/migrate.js dist/ops/{start,stop,schema,seed,reset,dead-letters}.js)
# What libraries in CommonJS load is not there in a module by itself.
require='import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);'
esbuild "${programs[@]}" --bundle --splitting --platform=node --format=esm --target=node20 --sourcemap \
  --external:amqplib --external:mysql2 --banner:js="$require" \
  --outbase=dist --outdir=dist --chunk-names='bundle/[name]-[hash]' --allow-overwrite --log-level=warning
