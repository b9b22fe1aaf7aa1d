-- name: take_lead
-- Take the target's advisory lock, if no other daemon has it; it lasts as long as the session. Nothing is taken where
-- another process than the session's own answers, as behind a pooler: it would keep the lock for good.
SELECT
    pg_backend_pid() AS backend,
    CASE WHEN pg_backend_pid() = %(backend)s THEN pg_try_advisory_lock(%(key)s) END AS taken;

-- name: transactions
-- Changes whenever a transaction that wrote anything begins or ends, anywhere in the cluster; costs next to nothing.
SELECT pg_current_snapshot()::text AS snapshot, pg_backend_pid() AS backend;

-- name: lead_holder
-- Who has that lock: the role and the application are shown to every role, the client only to some.
SELECT
    l.pid,
    r.rolname AS role,
    a.application_name AS application,
    host(a.client_addr) AS client,
    current_user AS own_role
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE
    l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.classid::bigint = %(key)s::bigint >> 32
    AND l.objid::bigint = %(key)s::bigint & 4294967295
    AND l.objsubid = 1
ORDER BY l.pid
LIMIT 1;
