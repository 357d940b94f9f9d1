#!/usr/bin/env bash
# Generates the stubs and tests the package against a real server: bash client/python/check.sh
# PYTHON names the interpreter, default Debian's /usr/bin/python3, whose packages grpcio, protobuf and pandas it needs.
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-/usr/bin/python3}"
"$python" generate.py
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
(cd ../.. && go build -o "$folder/akin-server" ./server)
AKIN_SERVER="$folder/akin-server" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. "$python" -W error::ResourceWarning -m unittest discover -s tests "$@"
