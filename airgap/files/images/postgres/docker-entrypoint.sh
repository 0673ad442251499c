#!/bin/bash
# The official image's conventions, as far as its documentation promises them: a first start
# initialises PGDATA from the environment and runs /docker-entrypoint-initdb.d, every other start
# just starts.
set -euo pipefail

fail() {
    echo "docker-entrypoint.sh: $1" >&2
    exit 1
}

# NAME or the content of the file that NAME_FILE names, but not both.
from_environment() {
    local name=$1 file=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        fail "$name and $file are both set: keep one"
    fi
    if [ -n "${!file:-}" ]; then
        printf -v "$name" %s "$(<"${!file}")"
    fi
    export "$name=${!name:-${2:-}}"
    unset "$file"
}

initialise() {
    from_environment POSTGRES_PASSWORD
    from_environment POSTGRES_USER postgres
    from_environment POSTGRES_DB "$POSTGRES_USER"
    from_environment POSTGRES_INITDB_ARGS
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        fail "a first start needs POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
    fi
    # POSTGRES_INITDB_ARGS is a list of words.
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Until all is set up nobody but this script may connect: a client that got in before would
    # see a half-made database and be cut off by the restart.
    pg_ctl --wait start -o "-c listen_addresses=''"
    local sql=(psql --no-psqlrc -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password)
    if [ "$POSTGRES_DB" != postgres ]; then
        "${sql[@]}" --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) "${sql[@]}" --dbname "$POSTGRES_DB" --file "$file" ;;
            *.sql.gz) gunzip --stdout "$file" | "${sql[@]}" --dbname "$POSTGRES_DB" ;;
        esac
    done
    pg_ctl --mode fast --wait stop
}

if [ "${1:0:1}" = - ]; then
    set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$PGDATA" /var/run/postgresql
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    chmod 700 "$PGDATA" 2>/dev/null || true
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        initialise
        unset POSTGRES_PASSWORD
    fi
fi
exec "$@"
