# What a backup's container does, in the Postgres image of the server's own major version.
#
#   serve    run an empty scratch server, where dumps are restored to be compared
#   dump     dump the database and write it to stdout, as a tar archive of `about`, `tables` and `database.dump`
#   check    read such an archive from stdin, restore it into the scratch server, and compare rows and schema
#   replace  replace the database's content with what was checked, in one transaction
#   nightly  the same without a caller: dump into /scratch/backup.tar, restore and compare
#   fetch    write a file of the volume for scheduled backups to stdout
#   state    print the rows of each table
#   version  print the server's major version
#
# The database is DATABASE_URL; if it refuses that, DATABASE_HOST, DATABASE_USER and DATABASE_PASSWORD. Messages are on
# stderr.
set -euo pipefail
umask 077
export HOME=/tmp TAR_OPTIONS=
in=/scratch/in
out=/scratch/out
roots=/scratch/roots.crt

fail() {
    echo "$1" >&2
    exit 1
}

# Sets a variable to a percent-decoded text.
decoded() {
    local text=${2//\\/\\\\}
    printf -v "$1" '%b' "${text//%/\\x}"
}

# As libpq's own variables: its arguments would appear in the list of processes.
connect() {
    export PGCONNECT_TIMEOUT=15 PGAPPNAME=taskflow-backup PGCLIENTENCODING=UTF8
    [ -z "${DATABASE_URL:-}" ] || address
    if [ -n "${DATABASE_PASSWORD:-}" ] && ! { [ -n "${DATABASE_URL:-}" ] && run --command 'SELECT 1' >/dev/null 2>&1; }; then
        export PGHOST=$DATABASE_HOST PGUSER=$DATABASE_USER PGDATABASE=$DATABASE_USER PGPASSWORD=$DATABASE_PASSWORD
    fi
}

# Reads DATABASE_URL as both services do (config/database_address.py).
address() {
    local blank=$' \t\r\n\v\f' url=$DATABASE_URL
    url=${url#"${url%%[!$blank]*}"} url=${url%"${url##*[!$blank]}"}
    [[ ! $url =~ %([^0-9a-fA-F]|.[^0-9a-fA-F]|.?$|00) ]] &&
        [[ $url =~ ^([a-zA-Z]+)://([^]:@/?#[]+)(:([^]@/?#[]*))?@(\[[^]@/?#]*\]|[^]:@/?#[]+)(:([0-9]*))?(/([^/?#@]*))?(\?([^#@]*))?$ ]] ||
        fail "the database's address cannot be read"
    local scheme=${BASH_REMATCH[1],,} user=${BASH_REMATCH[2]} password=${BASH_REMATCH[4]} host=${BASH_REMATCH[5]}
    local port=${BASH_REMATCH[7]} name=${BASH_REMATCH[9]} options option
    IFS='&' read -ra options <<<"${BASH_REMATCH[11]}"
    [[ $scheme = postgres || $scheme = postgresql ]] || fail "the database's address is not one of Postgres"
    host=${host%.} # Certificates are for names without the root's dot.
    decoded PGUSER "$user"
    decoded PGPASSWORD "$password"
    decoded PGDATABASE "${name:-$user}"
    export PGUSER PGPASSWORD PGDATABASE PGHOST=${host//[\[\]]/} PGPORT=${port:-5432}
    for option in "${options[@]}"; do
        decoded option "$option"
        case $option in
        sslmode=*) export PGSSLMODE=${option#*=} ;;
        sslrootcert=system) export PGSSLMODE=${PGSSLMODE:-verify-full} ;;
        esac
    done
    # The image of Postgres has no authorities of its own: they come from the backend's.
    [ -s "$roots" ] || roots=system
    case ${PGSSLMODE:-} in verify-full | verify-ca) export PGSSLROOTCERT=${DATABASE_CA_FILE:-$roots} ;; esac
}

# Terse: the details of an error may contain a row.
run() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --set VERBOSITY=terse --set SHOW_CONTEXT=never "$@"; }

scratch() (
    unset PGPORT PGPASSWORD PGSSLMODE PGSSLROOTCERT
    export PGHOST=/var/run/postgresql PGUSER=scratch PGDATABASE=scratch
    "$@"
)

# A line for each table: its rows, a checksum that does not depend on their order, and its name. Every setting that
# changes how a value is written as text is fixed. The checksum is the sum of both halves of each row's MD5. Behind
# PgBouncer the services' statement_timeout may be left on the connection.
fingerprint() {
    cat <<'SQL'
SET LOCAL statement_timeout = 0;
SET LOCAL search_path = pg_catalog;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SELECT format(
    'SELECT concat_ws(E''\t'', count(*), coalesce(sum((''x'' || left(h, 16))::bit(64)::bigint::numeric), 0), '
    'coalesce(sum((''x'' || right(h, 16))::bit(64)::bigint::numeric), 0), %L) '
    'FROM (SELECT md5(whole_row::text) AS h FROM ONLY %I.%I AS whole_row) AS hashes',
    nspname || '.' || relname, nspname, relname)
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND nspname !~ '^pg_' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec
SQL
}

# Definitions without comments, which name versions and times, and without the random keys of psql's \restrict.
definitions() { grep -vE '^(--|\\|$)' | sha256sum | cut -d' ' -f1; }

# Empties a database but for extensions. It has the schema `public` from the start; a dump has it only where somebody
# changed it. Its owner is the database's, which the tables' owner need not be.
emptied() {
    local definition=$1 owned=${2:-t}
    cat <<'SQL'
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_' AND pg_has_role(nspowner, 'USAGE')
    AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid AND deptype = 'e')
\gexec
SQL
    if [ "$owned" = f ]; then
        sed -i '/^CREATE SCHEMA public;$/d' "$definition"
        objects_of_public
        return
    fi
    echo 'DROP SCHEMA IF EXISTS public CASCADE;'
    if ! grep -q '^CREATE SCHEMA public;$' "$definition"; then
        echo "CREATE SCHEMA public; COMMENT ON SCHEMA public IS 'standard public schema';"
        echo 'ALTER SCHEMA public OWNER TO pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC;'
    fi
}

# Statements that drop everything in `public` but what belongs to an extension. Kubernetes would write $ for a double $.
objects_of_public() {
    cat <<'SQL'
DO $do$
DECLARE command text;
BEGIN
    FOR command IN
        SELECT format('DROP %s IF EXISTS public.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN
            'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, relname)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        UNION ALL SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', typname)
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e')
    LOOP EXECUTE command; END LOOP;
END $do$;
SQL
}

serve() {
    POSTGRES_PASSWORD=$(head -c 24 /dev/urandom | base64) # Nobody uses it: the server listens on a socket alone.
    export POSTGRES_PASSWORD POSTGRES_USER=scratch POSTGRES_DB=scratch PGDATA=/scratch/server
    unset DATABASE_URL DATABASE_PASSWORD
    exec docker-entrypoint.sh postgres -c listen_addresses= -c shared_buffers=32MB -c max_connections=10 \
        -c log_error_verbosity=terse -c log_min_error_statement=panic -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=64MB
}

server_version() { run --command "SELECT current_setting('server_version_num')::int / 10000"; }

version() {
    connect
    server_version
}

same_version() {
    local server client
    server=$(server_version)
    client=$(pg_dump --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
    [ "$server" = "$client" ] || fail "the server is Postgres $server, the backup's image is Postgres $client"
}

state() {
    connect
    same_version
    { echo 'BEGIN READ ONLY;'; fingerprint; } | run
}

dump() {
    connect
    same_version
    rm -rf "$out"
    mkdir -p "$out"
    # One snapshot for both, so that what is written meanwhile is in neither.
    {
        echo 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;'
        echo 'SELECT pg_export_snapshot() AS snapshot \gset'
        echo '\setenv SNAPSHOT :snapshot'
        echo "\\! pg_dump --format=custom --snapshot=\"\$SNAPSHOT\" --file=$out/part && mv $out/part $out/database.dump"
        fingerprint
    } | run >"$out/tables"
    [ -f "$out/database.dump" ] || fail "pg_dump failed"
    {
        echo "format 1"
        echo "release $RELEASE"
        echo "taken $(date -u +%Y-%m-%dT%H:%M:%SZ)"
        echo "schema $(pg_restore --data-only --table=alembic_version --file=- "$out/database.dump" | sed -n '/^COPY /{n;p}')"
        echo "definitions $(pg_restore --schema-only --no-owner --no-acl --file=- "$out/database.dump" | definitions)"
    } >"$out/about"
    tar --create --file=- --directory="$out" about tables database.dump
}

# The image's first start runs a temporary server of its own: ours is the one that replaced this process.
ready() {
    [ "$(head -n 1 /scratch/server/postmaster.pid 2>/dev/null)" = "${server:-1}" ] && scratch pg_isready --quiet
}

# Restores a dump into the scratch server and compares.
compared() {
    local folder=$1
    grep -qx 'format 1' "$folder/about" && [ -s "$folder/tables" ] && [ -s "$folder/database.dump" ] ||
        fail "this is not a backup of TaskFlow"
    grep -q $'\tpublic\.alembic_version$' "$folder/tables" || fail "this is not a backup of a TaskFlow database"
    pg_restore --no-owner --no-acl --file=/scratch/plain.sql "$folder/database.dump"
    local tries=0
    until ready; do
        [ $((tries += 1)) -lt 1000 ] || fail "the scratch server does not start"
        sleep 0.2
    done
    # A new database: the last restore may have been of another schema.
    scratch run --dbname=postgres --command 'DROP DATABASE IF EXISTS scratch WITH (FORCE)' --command 'CREATE DATABASE scratch'
    emptied /scratch/plain.sql >/scratch/empty.sql
    scratch run --single-transaction --command "SET client_min_messages = 'warning'" --file=/scratch/empty.sql --file=/scratch/plain.sql >/dev/null
    { echo 'BEGIN READ ONLY;'; fingerprint; } | scratch run >/scratch/tables
    cmp -s "$folder/tables" /scratch/tables || fail "the rows differ after a restore:
$(diff "$folder/tables" /scratch/tables || true)"
    scratch pg_dump --schema-only --no-owner --no-acl >/scratch/found.sql
    # Dumps of Postgres 16 and older lack a setting that later ones begin with.
    sed '/^SET transaction_timeout = 0;$/d' /scratch/found.sql >/scratch/found16.sql
    grep -qx -e "definitions $(definitions </scratch/found.sql)" -e "definitions $(definitions </scratch/found16.sql)" \
        "$folder/about" || fail "the schema differs after a restore"
}

# For the CronJob, whose next container encrypts the archive and stores it.
nightly() {
    serve >/dev/null 2>&1 &
    local server=$!
    dump >/scratch/backup.tar
    compared "$out"
    cut -f1,4 "$out/tables"
}

fetch() {
    [[ $1 =~ ^[a-z0-9][-a-zA-Z0-9]*\.age$ && -f /backups/$1 ]] || fail "there is no $1 on the volume, but: $(cd /backups && echo *.age)"
    cat "/backups/$1"
}

check() {
    rm -rf "$in"
    mkdir -p "$in"
    tar --extract --file=- --directory="$in" about tables database.dump 2>/dev/null || fail "this is not a backup of TaskFlow"
    compared "$in"
    cat "$in/about" "$in/tables"
}

# The transaction ends in a comparison: nothing is lost unless all of the new content is there.
replace() {
    connect
    same_version
    pg_restore --no-owner --file=/scratch/plain.sql "$in/database.dump"
    local roles missing
    roles=$(sed -nE 's/^(GRANT|REVOKE|ALTER DEFAULT).* (TO|FROM) "?([^" ;]+)"?;$/\3/p' /scratch/plain.sql | sort -u)
    missing=$(grep -vxF -e PUBLIC -e "$(run --command 'SELECT rolname FROM pg_roles')" <<<"$roles" || true)
    if [ -n "$missing" ]; then
        echo "the server lacks roles that the backup grants rights to, which are left out: ${missing//$'\n'/ }" >&2
        pg_restore --no-owner --no-acl --file=/scratch/plain.sql "$in/database.dump"
    fi
    local owned
    owned=$(run --command "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'")
    emptied /scratch/plain.sql "$owned" >/scratch/empty.sql
    {
        echo '\o /scratch/tables'
        fingerprint
        echo '\o'
        echo "\\set differs \`cmp -s $in/tables /scratch/tables && echo 0 || echo 1\`"
        echo '\if :differs'
        echo "DO \$\$ BEGIN RAISE 'the rows differ after the restore: nothing was changed'; END \$\$;"
        printf '%s\n' '\endif'
    } >/scratch/compare.sql
    # Requests of the services wait for these locks; with the other order of locks they may end in a deadlock.
    local attempt
    for attempt in 1 2 3; do
        if run --single-transaction --command "SET lock_timeout = '60s'; SET statement_timeout = 0; SET client_min_messages = 'warning'" \
            --file=/scratch/empty.sql --file=/scratch/plain.sql --file=/scratch/compare.sql >/dev/null; then
            return
        fi
        echo "attempt $attempt failed and changed nothing" >&2
    done
    exit 1
}

"$@"
