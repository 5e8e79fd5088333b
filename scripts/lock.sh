#!/bin/sh
# Writes requirements.lock from pyproject.toml with uv, in a throw-away environment.
# The result holds versions and hashes, and no address, path or comment.
set -eu
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$work/venv/bin/python" -m pip install -qq uv
"$work/venv/bin/uv" pip compile pyproject.toml --quiet --upgrade \
    --extra embedded --extra dev --extra bench --extra s3 --extra tracing --extra docs \
    --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
    --output-file "$work/requirements.lock"
mv "$work/requirements.lock" requirements.lock
echo "requirements.lock names $(grep -c '^[a-z]' requirements.lock) packages."
