-- name: take_lead
-- Take the target's advisory lock, if no other daemon has it; it lasts as long as the session.
SELECT pg_try_advisory_lock(%(key)s) AS taken;

-- name: transactions
-- Changes whenever a transaction that wrote anything begins or ends, anywhere in the cluster; costs next to nothing.
SELECT pg_current_snapshot()::text AS snapshot;
