#!/usr/bin/env bash
# Puts each program of the service and the libraries that it uses into a few files: Node spends most of a process's
# start on finding some 700 of them. Run by `npm run build`, which writes dist/; the types are checked by `npm run check`.
# amqplib and mysql2 stay outside, as the fault suite changes them under running programs (test/faults/inject); what is
# outside, ops/image.ts puts into the image.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."

programs=(api/{server,worker}.ts {consumer,hub}/{supervisor,worker}.ts cli/orders.ts ops/{start,stop,supervisor,migrate,health}.ts)
# What libraries in CommonJS load is not there in a module by itself.
require='import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);'
esbuild "${programs[@]}" --bundle --splitting --platform=node --format=esm --target=node20 --sourcemap \
  --external:amqplib --external:mysql2 --banner:js="$require" \
  --outbase=. --outdir=dist --chunk-names='bundle/[name]-[hash]' --log-level=warning
# The page of the console, for browsers.
esbuild console/main.tsx --bundle --minify --format=esm --target=es2022 --jsx=automatic --jsx-import-source=preact \
  --outfile=dist/console/console.js --log-level=warning
esbuild console/console.css --bundle --minify --target=chrome123,firefox120,safari17.5 --outfile=dist/console/console.css --log-level=warning
