-- name: create
-- Which run a backfill followed, in which file of which lineage, and which table it mended; the keys are in a table of
-- their own. A file of that very run is brought over by them.
CREATE TABLE out.neaptide.mended (lineage VARCHAR, run_id VARCHAR, table_name VARCHAR);

-- name: write
-- What this run mended, and what the file that was published before it lacks.
INSERT INTO out.neaptide.mended (lineage, run_id, table_name) VALUES ($lineage, $run_id, $table_name);

-- name: read
-- The table that the published file's run mended, and a file of this lineage and run lacks.
SELECT m.table_name FROM published.neaptide.mended AS m WHERE m.lineage = $lineage AND m.run_id = $run_id;

-- name: forget
-- Say no more of it, of the keys either: their rows may be what nobody is to see any more.
DROP TABLE IF EXISTS out.neaptide.mended;
DROP TABLE IF EXISTS out.neaptide.mended_keys;
