-- name: in_utc
-- Times are read and written in UTC, whatever the machine's zone.
SET TimeZone = 'UTC';

-- name: compress_without_fsst
-- To compress texts this way takes a ninth of a first load's processor time, and they are read half as fast afterwards;
-- it makes files a sixth smaller (5 M rows, one column of mixed text). Repeated ones have a dictionary.
SET disabled_compression_methods = 'fsst';

-- name: draw_nothing
-- DuckDB would draw its own progress on stdout, into whatever a program reads there.
SET enable_progress_bar = false;

-- name: install_postgres
-- The extension, from DuckDB's own place, where no wheel has it.
INSTALL postgres; LOAD postgres;

-- name: fetch_by_place
-- DuckDB makes a filter of at most so many values of a join's smaller side.
SET dynamic_or_filter_threshold = 1000;

-- name: fetch_as_usual
-- After `fetch_by_place`.
RESET dynamic_or_filter_threshold;

-- name: close_off
-- The session reaches nothing any more but what is attached by now.
SET enable_external_access = false;

-- name: lock
-- No setting of the session changes any more.
SET lock_configuration = true;

-- name: write_through
-- The next commit writes the file itself, and no log before.
SET checkpoint_threshold = '0b';

-- name: merge_nothing
-- The next checkpoint leaves row groups as they are.
SET max_vacuum_tasks = 0;

-- name: checkpoint
-- Write the log, if there is one, into the file.
CHECKPOINT out;

-- name: detach
-- Let go of the file.
DETACH out;

-- name: path
-- Where the file lies.
SELECT d.path FROM duckdb_databases() AS d WHERE d.database_name = 'out';

-- name: threads
-- How many threads DuckDB runs.
SELECT current_setting('threads');

-- name: memory_limit
-- How much memory DuckDB may hold, with its unit.
SELECT current_setting('memory_limit');

-- name: enter
-- What is made without a database is made in the file.
USE out;

-- name: leave
-- After `enter`.
USE memory;

-- name: detach_published
-- Let go of the published file.
DETACH published;

-- name: detach_staging
-- Let go of what a lake's tables were staged in.
DETACH staging;
