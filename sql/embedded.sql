-- name: made_already
-- Whether the embedded server has the database and the role that reads already.
SELECT
    EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(database)s) AS database,
    EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %(reader)s) AS reader;
