#!/bin/sh
# Makes .venv from requirements-dev.txt and writes the stamp file $1 last. A folder without a stamp was
# interrupted, one whose Python finds no pip is of another Python: both are made afresh. One with an older stamp
# is brought up to date.
set -eu

# stdout belongs to the command that make runs next: make -s render >objects.yaml
exec >&2

stamp=$1
venv=${stamp%/*}

fail() {
    printf 'error: %s\n  fix: %s\n' "$1" "$2"
    exit 1
}

suits() { # the versions the program and its tests are known to run on
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1
}

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    if suits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    fail "no Python 3.11, 3.12 or 3.13 on PATH (python3 is $(python3 --version 2>&1 || true))" \
        'install one, for example: apt-get install python3 python3-venv, or brew install python@3.13'
fi

finished() {
    ls "$venv"/.made-* >/dev/null 2>&1 && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

if ! finished; then
    echo "Making the Python environment $venv with $("$python" --version)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module (Debian and Ubuntu keep it in a package of its own)" \
            'apt-get install python3-venv'
    "$python" -m venv --clear "$venv"
fi

echo 'Installing requirements-dev.txt'
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt; then
    # Not zero: pip has already deleted what it had unpacked.
    full=$(df -Pk "$venv" "${TMPDIR:-/tmp}" | awk 'NR > 1 && $4 < 500000 { print $6; exit }')
    [ -z "$full" ] ||
        fail 'pip could not install requirements-dev.txt: the disk is full (its own message is above)' \
            "make room on $full (df -h), then run the same command again"
    fail 'pip could not install requirements-dev.txt (its own message is above)' \
        'check the network or the package index (pip config list), then run the same command again'
fi

rm -f "$venv"/.made-*
touch "$stamp"
