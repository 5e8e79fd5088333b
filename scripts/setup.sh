#!/bin/sh
# Makes .venv, with everything that requirements.lock names and the project itself.
# `make setup` calls this where .venv is missing or older than the lock; it needs Python 3.11+ and nothing else.
set -eu
cd "$(dirname "$0")/.."

# PYTHON=... names the interpreter; otherwise the newest one that the lock was tested with, then any `python3`.
# A name on PATH may be a stub that starts nothing (pyenv, Xcode), so each candidate has to run.
oldest='import sys; sys.exit(sys.version_info < (3, 11))'
python='' lacks_venv='' too_old=''
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    "$candidate" -c '' >/dev/null 2>&1 || continue
    if ! "$candidate" -c "$oldest"; then
        too_old="$("$candidate" -c 'import platform; print(platform.python_version())')"
    elif ! "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        lacks_venv="${lacks_venv:-$("$candidate" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')}"
    else
        python="$candidate"
        break
    fi
done

if [ -z "$python" ]; then
    if [ -n "$lacks_venv" ]; then
        echo "Python is here, but its venv module is not. Install it (Debian, Ubuntu: apt-get install $lacks_venv) and try again." >&2
    elif [ -n "$too_old" ]; then
        echo "Convoy needs Python 3.11 or newer; the newest one found is $too_old. Install one (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.13) and try again, or name it: make setup PYTHON=/path/to/python3." >&2
    else
        echo "Convoy needs Python 3.11 or newer, and none is on PATH. Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13) and try again, or name it: make setup PYTHON=/path/to/python3." >&2
    fi
    exit 2
fi

# A .venv that works is kept (pip then changes only what differs); one that was moved or half made is not.
if ! .venv/bin/python -c "$oldest" 2>/dev/null || ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    ! grep -qF "$(pwd -P)/.venv" .venv/pyvenv.cfg; then
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "Installing into .venv from requirements.lock ($(.venv/bin/python --version); the first time takes about half a minute) ..."
# Quiet twice: errors only. The lock holds hashes, so where a package is fetched from does not matter.
pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -qq "$@"; }
pip --require-hashes -r requirements.lock
pip --no-deps --no-build-isolation -e .
# Where PYTHONDONTWRITEBYTECODE is set, each process would compile them anew: some seconds for every command.
.venv/bin/python -m compileall -q migration producer worker api
touch .venv/.setup-done
echo "Ready: .venv/bin/migration-cli"
