#!/bin/sh
# Run before each start of the Temporal server, with the tools of the same version: makes its tables, or brings those of an
# older version up to date.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_db_password)
export SQL_PASSWORD
for pair in temporal:temporal temporal_visibility:visibility; do
	sql() {
		temporal-sql-tool --plugin postgres12_pgx --endpoint "$SQL_HOST" --port "$SQL_PORT" --user temporal --db "${pair%:*}" "$@"
	}
	sql setup-schema --version 0.0
	sql update-schema --schema-name "postgresql/v12/${pair#*:}"
done
