#!/usr/bin/env bash
# Tries the npm clients of Connect and gRPC, and a linter of OpenAPI, against the server of this tree: pinned versions,
# installed into a folder that goes away. Needs node 20.19 or later and npm.
set -euo pipefail
cd "$(dirname "$0")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cp package.json package-lock.json check.mjs redocly.yaml "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
AKIN_NPM="$folder" go test -count 1 -run '^TestNPM' ../../../..
