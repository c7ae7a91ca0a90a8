#!/bin/sh
# Run once by the postgres image, when its volume is empty: a role and a database for PayCow, and for Temporal a role of its
# own with its two databases, so that neither can read the other's.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set paycow_password `cat /run/secrets/paycow_db_password`
\set temporal_password `cat /run/secrets/temporal_db_password`
CREATE ROLE paycow LOGIN PASSWORD :'paycow_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE paycow OWNER paycow;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE paycow, temporal, temporal_visibility FROM PUBLIC;
SQL
