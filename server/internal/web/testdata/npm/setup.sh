#!/usr/bin/env bash
# Prepares what the tests of the page need besides Go, in the folder given: axe-core and TypeScript, pinned by the lock
# file beside this. It checks the types of the islands, and prints the path of axe-core. Needs node and npm.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="$1"
cp "$here/package.json" "$here/package-lock.json" "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent >&2
"$folder/node_modules/.bin/tsc" --project "$here/../../src" >&2
echo "$folder/node_modules/axe-core/axe.min.js"
