#!/bin/bash
# The official image's conventions, as far as this project uses them: a first start initialises
# PGDATA from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, every other start just starts.
set -euo pipefail

# initdb alone insists on a name for the user that it runs as, and the pod may choose any number.
as_somebody() {
    if getent passwd "$(id -u)" >/dev/null; then
        "$@"
        return
    fi
    local passwd group library
    passwd=$(mktemp)
    group=$(mktemp)
    library=$(echo /usr/lib/*/libnss_wrapper.so)
    printf 'postgres:x:%s:%s::%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" >"$passwd"
    printf 'postgres:x:%s:\n' "$(id -g)" >"$group"
    LD_PRELOAD=$library NSS_WRAPPER_PASSWD=$passwd NSS_WRAPPER_GROUP=$group "$@"
    rm -f "$passwd" "$group"
}

initialise() {
    local user=${POSTGRES_USER:-postgres}
    local database=${POSTGRES_DB:-$user}
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "docker-entrypoint.sh: a first start needs POSTGRES_PASSWORD" >&2
        exit 1
    fi
    as_somebody initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
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
