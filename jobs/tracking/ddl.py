"""The statements that put a table's triggers, its stamp and its index in place, or take them away. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from app import errors, statements
from jobs import quoting
from jobs.tables import capture, stamps, tracked, triggers
from jobs.tables.capture import Capture
from jobs.tables.table import Table
from jobs.tables.triggers import Function, Trigger

# Bytes of a table from which on its index is built without holding up writers.
BIG = 64 * 2**20
ADDED = "Added by neaptide track; neaptide untrack removes it"
# Small ranges: rows that changed lie scattered, and each range that holds one is read whole.
_BRIN = " WITH (pages_per_range = 4, autosummarize = on)"
# What the functions of this version, and of earlier ones, are called, before the table's oid.
_NOW = (triggers.ROW_FUNCTION, triggers.GONE_FUNCTION, triggers.EMPTIED_FUNCTION)
_KINDS = (*_NOW, "stamp_", "xid_", "deleted_", "key_", "truncated_")
_THINGS = ("schema", "tombstone", "tombstone_xid", "purge")


@dataclass(frozen=True)
class Statement:
    """One statement; one that is `alone` can't be part of a transaction, and may take long."""

    text: str
    alone: bool = False


@dataclass(frozen=True)
class Installed:
    """What is there already. `public` are the names of the functions that everybody may use; `placing` are the columns
    that say in which partition a row lies, by the table's oid."""

    functions: dict[str, Function] = field(default_factory=dict)
    public: frozenset[str] = frozenset()
    indexes: frozenset[tuple[int, str, str, str]] = frozenset()
    things: frozenset[str] = frozenset()
    bytes: dict[int, int] = field(default_factory=dict)
    placing: dict[int, frozenset[str]] = field(default_factory=dict)


def install(table: Table, have: Installed) -> list[Statement]:
    """What makes a table ready for its modes; what it already has is used as it is.

    Raises `errors.NotTracked` where no trigger can make it ready.
    """
    if not table.mode.stamped:
        return []
    lack = tracked.unfit(table)
    if lack:
        raise errors.NotTracked(lack, hint="change the table's entry in config.toml")
    return _Install(table, have).statements()


def removed(table: Table) -> list[Statement]:
    """What takes a table's functions away, once its triggers are gone."""
    return [Statement(f"DROP FUNCTION IF EXISTS neaptide.{_name(kind, table)}()") for kind in _KINDS]


def dropped(row: dict[str, str]) -> Statement:
    """What takes away one thing that was found on a table."""
    name, table = quoting.identifier(row["name"]), quoting.qualified(row["schema"], row["relation"])
    return Statement(
        {
            "trigger": f"DROP TRIGGER IF EXISTS {name} ON {table}",
            "index": f"DROP INDEX IF EXISTS {quoting.qualified(row['schema'], row['name'])}",
            "column": f"ALTER TABLE {table} DROP COLUMN IF EXISTS {name}",
        }[row["kind"]]
    )


def block(name: str) -> Statement:
    """A statement of sql/sync/track.sql."""
    return Statement(bare(statements.get("track", name)))


def bare(text: str) -> str:
    """A named block as a statement, without what is said of it."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")


class _Install:
    """Gathers the statements for one table."""

    def __init__(self, table: Table, have: Installed) -> None:
        self.table, self.have = table, have
        self._extra: list[Statement] = []
        self.column = stamps.column(table.spec, table.infos)

    def statements(self) -> list[Statement]:
        """All of them, in an order in which they can be run."""
        stamp = not tracked.stamped_by_owner(self.table)
        self._check_last_word()
        if stamp:
            self._check_placing()
            self._stamp()
        self._index()
        subject = self.table.subject
        wanted = list(capture.wanted(subject, stamp=stamp, record=self.table.deletes.recorded))
        for one in wanted:
            self._function(one)
            self._trigger(one)
        self._leave_only(wanted)
        return [*self._things(wanted), *self._extra]

    def _do(self, text: str, *, alone: bool = False) -> None:
        self._extra.append(Statement(text, alone))

    def _check_last_word(self) -> None:
        trigger = tracked.last_word(self.table)
        if trigger is not None:
            raise errors.NotTracked(
                f"the trigger {trigger.name} of {self.table.source_name} would fire after Neaptide's, and may undo what"
                " that does",
                hint="give it a name that does not begin with a tilde or a letter beyond ASCII: triggers fire in the"
                " order of their names",
            )

    def _check_placing(self) -> None:
        if self.column in self.have.placing.get(self.table.relid, ()):
            raise errors.NotTracked(
                f"{self.column} says in which partition of {self.table.source_name} a row lies, so no trigger may"
                " change it",
                hint='set watermark = "xid", or another stamp',
            )

    def _things(self, wanted: list[Capture]) -> list[Statement]:
        missing = [thing for thing in _THINGS if thing not in self.have.things] if wanted else []
        return [block(thing) for thing in missing]

    def _stamp(self) -> None:
        """One value for all rows that are there: PostgreSQL then rewrites none of them."""
        if self.table.stamp is not None:
            return
        column, table = quoting.identifier(self.column), self.table.quoted
        self._do(f"ALTER TABLE {table} ADD COLUMN {column} {self.table.mode.added}")
        self._do(f"COMMENT ON COLUMN {table}.{column} IS '{ADDED}'")

    def _index(self) -> None:
        """An index that begins with the stamp; its owner's, of any kind, will do. Ours is of the kind asked for."""
        table, wanted = self.table, self.table.spec.index
        name = f"neaptide_{table.spec.watermark}_{table.relid}"
        place = (table.relid, self.column)
        methods = {index: method for relid, column, index, method in self.have.indexes if (relid, column) == place}
        ours = methods.pop(name, None)
        if ours and ours != wanted:
            self._do(f"DROP INDEX {quoting.qualified(table.schema, name)}")
        if wanted in ("none", ours) or methods:
            return
        using, options = ("USING brin ", _BRIN) if wanted == "brin" else ("", "")
        on = f"{table.quoted} {using}({quoting.identifier(self.column)}){options}"
        # A big table's is built while others write. One that was cut short is left behind and of no use.
        alone = self.have.bytes.get(table.relid, 0) > BIG and table.kind == "r"
        how = "CONCURRENTLY " if alone else ""
        self._do(f"DROP INDEX {how}IF EXISTS {quoting.qualified(table.schema, name)}", alone=alone)
        self._do(f"CREATE INDEX {how}{quoting.identifier(name)} ON {on}", alone=alone)

    def _function(self, wanted: Capture) -> None:
        """Nobody but its owner may use it: a trigger asks for that right only when it is made."""
        function = wanted.function
        name = f"neaptide.{quoting.identifier(function.name)}"
        if self.have.functions.get(function.name) != function:
            self._do(_made(name, function))
        if wanted.for_all:
            if function.name in self.have.functions and function.name not in self.have.public:
                self._do(f"GRANT EXECUTE ON FUNCTION {name}() TO PUBLIC")
        elif function.name not in self.have.functions or function.name in self.have.public:
            self._do(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")

    def _trigger(self, wanted: Capture) -> None:
        """ALWAYS: also where changes come in by logical replication or with session_replication_role = replica."""
        places = [self.table.triggers, *(leaf.triggers for leaf in self.table.leaves if wanted.kind & triggers.ROW)]
        if all(any(one.name == wanted.name and wanted.is_(one) for one in place) for place in places):
            return
        name, table = quoting.identifier(wanted.name), self.table.quoted
        function = f"neaptide.{quoting.identifier(wanted.function.name)}"
        self._do(
            f"CREATE OR REPLACE TRIGGER {name} {wanted.when} ON {table} {wanted.scope} EXECUTE FUNCTION {function}()"
        )
        self._do(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

    def _leave_only(self, wanted: list[Capture]) -> None:
        """Take away what an earlier version, another mode, or a dump of another database has left on the table."""
        names = {one.name for one in wanted}
        stale = [one for one in self.table.triggers if one.ours and not one.cloned and one.name not in names]
        for trigger in stale:
            self._do(f"DROP TRIGGER {quoting.identifier(trigger.name)} ON {self.table.quoted}")
        mine = {_name(kind, self.table) for kind in _KINDS} - {one.function.name for one in wanted}
        for name in sorted(mine & self.have.functions.keys()):
            self._do(f"DROP FUNCTION neaptide.{quoting.identifier(name)}()")
        if any(self._foreign(trigger) for trigger in stale) and {"tombstone", "purge"} <= self.have.things:
            self._extra += [block("forget_tombstones"), block("forget_purges")]

    def _foreign(self, trigger: Trigger) -> bool:
        """Whether it was made for a table that had another oid."""
        return not trigger.function.name.endswith(f"_{self.table.relid}")


def _name(kind: str, table: Table) -> str:
    return f"{kind}{table.relid}"


def _made(name: str, function: Function) -> str:
    settings = "".join(f" SET {key} = {value}" for key, _, value in _parted(function.settings))
    definer = " SECURITY DEFINER" if function.definer else ""
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE {function.language}{definer}{settings} AS"
        f" {quoting.dollar(function.source)}"
    )


def _parted(settings: frozenset[str]) -> list[tuple[str, str, str]]:
    return [setting.partition("=") for setting in sorted(settings)]
