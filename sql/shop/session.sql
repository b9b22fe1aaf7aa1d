-- name: in_utc
-- Times are read and written in UTC, whatever the role or the database has set.
SET TIME ZONE 'UTC';

-- name: lock_migrations
-- One process migrates at a time; held to the end of the transaction.
SELECT pg_advisory_xact_lock(:lock);

-- name: lacks_schema
-- Whether the schema is still to be made.
SELECT to_regnamespace(:schema) IS NULL;
