#!/bin/sh
# Usage: tools/create_environment.sh FOLDER
# Makes a virtual environment in FOLDER with the pinned dependencies, or brings it up to date.
# PYTHON names the interpreter; without it, the first one on PATH that fits is taken.
set -eu
cd "$(dirname "$0")/.."
venv=$1
# Lies in the environment while pip works, so that an interrupted installation starts anew:
# pip would take a half-copied package for an installed one.
unfinished=$venv/.unfinished

fail() {
    echo "error: $1" >&2
    exit 1
}

has_right_version() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

can_make_environment() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {
    without_venv=
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.10; do
        if has_right_version "$candidate"; then
            if can_make_environment "$candidate"; then
                echo "$candidate"
                return
            fi
            without_venv=${without_venv:-$candidate}
        fi
        # Somebody who names an interpreter wants that one or none.
        if [ -n "${PYTHON:-}" ]; then break; fi
    done
    if [ -n "$without_venv" ]; then
        version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$without_venv cannot make virtual environments: install its venv module (on Debian and Ubuntu the package python$version-venv), or name another Python 3.10 to 3.13 with PYTHON=/path/to/python."
    fi
    found=$("${PYTHON:-python3}" --version 2>&1) || found="nothing that runs"
    fail "Python 3.10 to 3.13 is needed, and ${PYTHON:-python3} is $found: install one, or name it with PYTHON=/path/to/python3.12."
}

if [ -e "$unfinished" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making $venv with $("$python" --version)."
    # Without pip until the mark stands: an environment that has pip and no mark is a whole one.
    "$python" -m venv --clear --without-pip "$venv"
    : > "$unfinished"
    "$venv/bin/python" -m ensurepip --upgrade >/dev/null
fi

: > "$unfinished"
rm -f "$venv/.installed"
echo "Installing the pinned dependencies: about 200 packages, once."
# Without byte code for all of them: Python compiles what is imported.
"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off --no-compile \
    -c constraints.txt -e ".[dev]" || fail "pip could not install the dependencies: its reason stands above; the next make starts anew."
rm -f "$unfinished"
