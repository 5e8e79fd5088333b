#!/bin/sh
# Makes sure that a Chromium is there for the tests of the dashboard; installs one from the distribution where this runs as root.
set -eu

for program in chromium chromium-browser google-chrome-stable google-chrome; do
    if command -v "$program" >/dev/null 2>&1; then
        echo "Tests of the dashboard use $(command -v "$program")."
        exit 0
    fi
done

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the tests of the dashboard ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null
    command -v chromium >/dev/null 2>&1 && exit 0
fi

echo "No Chromium is on PATH, and none could be installed. Install one (Debian, Ubuntu: apt-get install chromium; macOS: brew install --cask chromium) and try again." >&2
exit 2
