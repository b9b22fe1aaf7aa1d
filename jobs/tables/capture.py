"""The triggers that `track` puts on a table, each with its function: what stamps rows, and what records keys. Pure.

One look at a trigger must tell whether it is still the one that belongs there, so its function is made for one table,
with nothing in it but what is known here, and compared to the letter.

A function may hang on no column: a trigger with a WHEN or with UPDATE OF keeps its owner from altering them. It names
them in its body and lets a name that is gone pass: the owner's writes go on, and the run that finds the table changed
copies it anew. Bodies name everything with its schema, since a writer's search_path may hold anything, and go by the
types' own output functions: a cast to text or to JSON may be one that somebody made, and would run as the function's
owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from jobs import quoting
from jobs.position.watermark import ZONE_SPREAD, Stamp
from jobs.tables import keys, triggers
from jobs.tables.triggers import Function, Trigger
from jobs.types.column_plan import ColumnInfo

_PREFIX = "neaptide"
# The tilde sorts behind every letter: the last BEFORE trigger has the last word.
_LAST = "~neaptide"
# What is fixed whoever writes: PostgreSQL's own names first.
_PATH = "search_path=pg_catalog, pg_temp"
# What befalls an assignment, or a name, after a column was renamed, dropped or given another type.
_ALTERED = "undefined_column OR datatype_mismatch OR cannot_coerce OR data_exception"
_CLOCK = "pg_catalog.clock_timestamp()"
_UTC = f"pg_catalog.timezone('00:00'::pg_catalog.interval, {_CLOCK})"


@dataclass(frozen=True)
class Subject:
    """What there is to know of a table for its triggers. `in_utc` says what its owner means by a stamp without a zone.

    `tree`: rows are written to its partitions. `by_row`: only row triggers see every delete.
    """

    relid: int
    stamp: Stamp | None
    key: tuple[ColumnInfo, ...]
    tree: bool = False
    by_row: bool = False
    in_utc: bool = False


@dataclass(frozen=True)
class Capture:
    """One trigger. `when` and `scope` are the parts of its definition, `kind` is what pg_trigger says of both.

    `for_all`: whoever adds a partition must be able to use the function.
    """

    name: str
    kind: int
    when: str
    scope: str
    function: Function
    old_table: str | None = None
    for_all: bool = False

    def is_(self, trigger: Trigger) -> bool:
        """Whether a trigger, of whatever name, does the same in every session."""
        return (
            trigger.function == self.function
            and trigger.kind == self.kind
            and trigger.old_table == self.old_table
            and trigger.enabled == triggers.ALWAYS
            and not trigger.conditional
        )


def wanted(subject: Subject, *, stamp: bool, record: bool) -> Iterator[Capture]:
    """The triggers that a table needs for its stamp, and for the record of its keys."""
    if stamp or record:
        yield row(subject, stamp=stamp, record=record)
    if record:
        yield by_row(subject) if subject.by_row else by_statement(subject)
        yield emptied(subject)


def stamping(subject: Subject) -> frozenset[Function]:
    """Our functions that stamp this table's rows."""
    captures = (row(subject, stamp=True, record=yes, in_utc=utc) for yes, utc in product((True, False), repeat=2))
    return frozenset(capture.function for capture in captures)


def recording(subject: Subject) -> frozenset[Function]:
    """Our functions that record the keys which an UPDATE of this table changes."""
    given = product((True, False) if subject.stamp else (False,), (True, False))
    return frozenset(row(subject, stamp=yes, record=True, in_utc=utc).function for yes, utc in given)


def functions(subject: Subject) -> frozenset[Function]:
    """All of our functions that this table may have."""
    rest = (by_row(subject), by_statement(subject), emptied(subject))
    return stamping(subject) | recording(subject) | {one.function for one in rest}


def row(subject: Subject, *, stamp: bool, record: bool, in_utc: bool | None = None) -> Capture:
    """What fires for each row that is written: it stamps the row, and records a key that the row gives up."""
    in_utc = subject.in_utc if in_utc is None else in_utc
    events = "INSERT OR UPDATE" if stamp else "UPDATE"
    kind = triggers.ROW | triggers.BEFORE | triggers.UPDATE | (triggers.INSERT if stamp else 0)
    function = _function(subject, triggers.ROW_FUNCTION, _row_body(subject, stamp, record, in_utc), record)
    return Capture(f"{_LAST}_{subject.relid}", kind, f"BEFORE {events}", "FOR EACH ROW", function, for_all=subject.tree)


def by_row(subject: Subject) -> Capture:
    """What records the key of each row that is deleted: of one that changes partition, too."""
    kind = triggers.ROW | triggers.DELETE
    body = (
        f"DECLARE gone pg_catalog.jsonb;\nBEGIN\nBEGIN\ngone := {_recorded('OLD', subject.key)};\n"
        f"EXCEPTION WHEN {_ALTERED} THEN\nNULL;\nEND;\n{_insert(subject, 'gone')}RETURN NULL;\nEND"
    )
    function = _function(subject, triggers.GONE_FUNCTION, body, True)
    return Capture(_named(function), kind, "AFTER DELETE", "FOR EACH ROW", function, for_all=subject.tree)


def by_statement(subject: Subject) -> Capture:
    """What records the keys of all rows that a statement deletes, at once."""
    names = [quoting.identifier(info.name) for info in subject.key]
    # A column that is gone is looked for further out, where it is NULL: a key that can't be told, like a TRUNCATE.
    absent = ", ".join(f"NULL::pg_catalog.text AS {name}" for name in names)
    key = f"CASE WHEN pg_catalog.num_nulls({', '.join(names)}) = 0 THEN {_recorded('', subject.key)} END"
    body = (
        f"#variable_conflict use_column\nBEGIN\nINSERT INTO neaptide.tombstone (relid, key)\n"
        f"SELECT {subject.relid}, found.key\nFROM (SELECT {absent}) AS absent\n"
        f"CROSS JOIN LATERAL (SELECT {key} AS key FROM gone) AS found\nWHERE {_here(subject)};\nRETURN NULL;\nEND"
    )
    function = _function(subject, triggers.GONE_FUNCTION, body, True)
    scope = "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT"
    return Capture(_named(function), triggers.DELETE, "AFTER DELETE", scope, function, "gone")


def emptied(subject: Subject) -> Capture:
    """What records a TRUNCATE: a NULL for the key."""
    body = f"BEGIN\n{_insert(subject, 'NULL', here=f'TG_RELID = {subject.relid}')}RETURN NULL;\nEND"
    function = _function(subject, triggers.EMPTIED_FUNCTION, body, True)
    return Capture(_named(function), triggers.TRUNCATE, "AFTER TRUNCATE", "FOR EACH STATEMENT", function)


def _named(function: Function) -> str:
    return f"{_PREFIX}_{function.name}"


def _function(subject: Subject, kind: str, body: str, records: bool) -> Function:
    """Writers need no right on the schema neaptide: what writes to it runs as its owner, with a fixed search path."""
    settings = {_PATH, *keys.text_settings(subject.key)} if records else ()
    return Function(
        triggers.OURS, f"{kind}{subject.relid}", f"\n{body}\n", definer=records, settings=frozenset(settings)
    )


def _row_body(subject: Subject, stamp: bool, record: bool, in_utc: bool) -> str:
    steps = ""
    if stamp:
        assert subject.stamp is not None
        steps += f"NEW.{quoting.identifier(subject.stamp.column)} := {_value(subject.stamp, in_utc)};\n"
    if not record:
        return f"BEGIN\n{_guarded(steps)}RETURN NEW;\nEND"
    changed = f"TG_OP = 'UPDATE' AND {_changed(subject.key)}"
    steps += f"IF {changed} THEN\ngone := {_recorded('OLD', subject.key)};\nEND IF;\n"
    insert = f"IF gone IS NOT NULL THEN\n{_insert(subject, 'gone')}END IF;\n"
    return f"DECLARE gone pg_catalog.jsonb;\nBEGIN\n{_guarded(steps)}{insert}RETURN NEW;\nEND"


def _guarded(steps: str) -> str:
    return f"BEGIN\n{steps}EXCEPTION WHEN {_ALTERED} THEN\nNULL;\nEND;\n"


def _value(stamp: Stamp, in_utc: bool) -> str:
    if stamp.by_xid:
        return "pg_catalog.pg_current_xact_id()"
    if stamp.zoned:
        return _CLOCK
    if in_utc:
        return _UTC
    # A session may set any zone, a week off even; the reader looks no further back than the zones of this earth.
    hours = int(ZONE_SPREAD.total_seconds() // 3600)
    lowest = f"{_UTC} OPERATOR(pg_catalog.-) '{hours}:00'::pg_catalog.interval"
    return f"GREATEST({_CLOCK}::pg_catalog.timestamp, {lowest})"


def _changed(key: Sequence[ColumnInfo]) -> str:
    """By their bytes: 1.0 and 1.00, or two spellings that a collation calls equal, are two keys in the file."""
    old, new = (
        f"ROW({', '.join(f'{side}.{quoting.identifier(info.name)}' for info in key)})::pg_catalog.record"
        for side in ("OLD", "NEW")
    )
    return f"{old} OPERATOR(pg_catalog.*<>) {new}"


def _recorded(side: str, key: Sequence[ColumnInfo]) -> str:
    prefix = f"{side}." if side else ""
    values = ", ".join(keys.recorded(f"{prefix}{quoting.identifier(info.name)}") for info in key)
    return f"pg_catalog.jsonb_build_array({values})"


def _insert(subject: Subject, key: str, here: str = "") -> str:
    return (
        f"INSERT INTO neaptide.tombstone (relid, key)\nSELECT {subject.relid}, {key}\nWHERE {here or _here(subject)};\n"
    )


def _here(subject: Subject) -> str:
    """Fired by this table, and not by one that somebody made to forge a record."""
    if subject.tree:
        return f"{subject.relid} IN (SELECT p.relid FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS p (relid))"
    return f"TG_RELID = {subject.relid}"
