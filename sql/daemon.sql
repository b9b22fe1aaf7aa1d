-- name: take_lead
-- Take the target's advisory lock, if no other daemon has it; it lasts as long as the session. Nothing is taken where
-- another process than the session's own answers, as behind a pooler: it would keep the lock for good.
SELECT
    pg_backend_pid() AS backend,
    CASE WHEN pg_backend_pid() = %(backend)s THEN pg_try_advisory_lock(%(key)s) END AS taken;

-- name: transactions
-- Changes whenever a transaction that wrote anything begins or ends, anywhere in the cluster; costs next to nothing.
SELECT pg_current_snapshot()::text AS snapshot, pg_backend_pid() AS backend;
