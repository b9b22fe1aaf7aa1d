-- name: made_already
-- Whether the embedded server has the database and the role that reads already, and whether it can make them at all.
SELECT
    EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(database)s) AS database,
    EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %(reader)s) AS reader,
    pg_catalog.pg_is_in_recovery() AS standby;
