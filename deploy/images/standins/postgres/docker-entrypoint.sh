#!/usr/bin/env bash
# What the public image's does with a new data folder: initdb with the password given, log-in from elsewhere by password, then the server.
set -eu
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  eval "initdb --username=postgres --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") ${POSTGRES_INITDB_ARGS:-}"
  printf "\nlisten_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
  printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
fi
unset POSTGRES_PASSWORD
exec "$@" -c "unix_socket_directories=/var/run/postgresql"
