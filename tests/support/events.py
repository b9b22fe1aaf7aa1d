"""An application that tells of what it writes: here a trigger does, so that every statement of a test is told of."""

from __future__ import annotations

from jobs import quoting
from jobs.job import Job
from jobs.source import catalogue
from jobs.source.connection import Source

# The names of the key's columns are the trigger's arguments after the table's name. TRUNCATE tells of no keys.
TELL = """
CREATE OR REPLACE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rows jsonb[] := '{}';
    found jsonb := '[]';
    one jsonb;
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN rows := rows || to_jsonb(NEW); END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN rows := rows || to_jsonb(OLD); END IF;
    FOREACH one IN ARRAY rows LOOP
        found := found || jsonb_build_array(
            (SELECT jsonb_agg(one ->> a.name ORDER BY a.n) FROM unnest(TG_ARGV[1:]) WITH ORDINALITY AS a (name, n))
        );
    END LOOP;
    INSERT INTO neaptide.outbox (name, aggregate, key, version, keys) VALUES (
        TG_OP, TG_ARGV[0], coalesce(found -> 0 ->> 0, ''), 0,
        jsonb_build_object(TG_ARGV[0], CASE WHEN TG_OP <> 'TRUNCATE' THEN found END)
    );
    RETURN NULL;
END;
$$
"""


def telling(table: str, *key: str, told: str = "") -> list[str]:
    """The statements after which the table's writers tell of what they write, by the name `told` if it is given."""
    given = ", ".join(map(quoting.literal, (told or table, *key)))
    made = [
        f"CREATE OR REPLACE TRIGGER tell_{kind.partition(' ')[0].lower()} AFTER {kind} ON {table} FOR EACH {level}"
        f" EXECUTE FUNCTION public.tell({given})"
        for kind, level in (("INSERT OR UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT"))
    ]
    always = [f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER tell_{kind}" for kind in ("insert", "truncate")]
    return [TELL, *made, *always]


def of_all(job: Job) -> list[str]:
    """The same for every table of the config that events are to tell of, by the key that it has now."""
    with Source.of_owner(job).connect() as conn:
        tables = [table for table in catalogue.look(conn, job.settings).tables if table.from_events]
    found = [telling(table.quoted, *table.source_key, told=table.source_name) for table in tables]
    return [statement for statements in found for statement in statements]
