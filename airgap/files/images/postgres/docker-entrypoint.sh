#!/bin/bash
# The official image's conventions, as far as this project uses them: a first start initialises
# PGDATA from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, every other start just starts.
set -euo pipefail

initialise() {
    local user=${POSTGRES_USER:-postgres}
    local database=${POSTGRES_DB:-$user}
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "docker-entrypoint.sh: a first start needs POSTGRES_PASSWORD" >&2
        exit 1
    fi
    initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        # Nobody but this script may connect yet: a client that got in would be cut off.
        pg_ctl --wait start -o "-c listen_addresses=''"
        createdb --username="$user" --no-password --maintenance-db=postgres "$database"
        pg_ctl --mode fast --wait stop
    fi
}

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
