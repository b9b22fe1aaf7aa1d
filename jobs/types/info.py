"""What PostgreSQL's catalogue says about the columns of a table and the types they are built from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app import statements


@dataclass(frozen=True)
class TypeInfo:
    """A type with its modifier, and the types it is built from.

    `typtype` is pg_type's: b(ase), e(num), d(omain), c(omposite), r(ange), m(ultirange), p(seudo). `extension` is the
    extension that owns the type, None for PostgreSQL's own and for users' types. `recast`: somebody made a cast from or
    to it, or an array of it, with a function that is neither PostgreSQL's nor in C, which only a superuser can load.
    """

    oid: int
    schema: str
    name: str
    type_name: str
    typmod: int = -1
    typtype: str = "b"
    category: str = "U"
    extension: str | None = None
    element: TypeInfo | None = None
    base: TypeInfo | None = None
    subtype: TypeInfo | None = None
    labels: tuple[str, ...] = ()
    attributes: tuple[tuple[str, TypeInfo], ...] = ()
    money_scale: int = 2
    recast: bool = False

    @property
    def resolved(self) -> TypeInfo:
        """The type under all domains; the innermost domain's modifier counts."""
        return self.base.resolved if self.base else self


@dataclass(frozen=True)
class ColumnInfo:
    """A column of a table.

    `default` is the default's or, where `generated` is `s` or `v`, the generation's expression. `identity` is `a`,
    `d` or empty. `dims` is the declared number of array dimensions, which PostgreSQL doesn't enforce. A collation
    that is not `deterministic` holds different strings equal. `version` changes with every ALTER of the column.
    """

    name: str
    attnum: int
    type: TypeInfo
    not_null: bool = False
    dims: int = 0
    identity: str = ""
    generated: str = ""
    default: str | None = None
    collation: str | None = None
    deterministic: bool = True
    version: str = ""

    @property
    def type_name(self) -> str:
        return self.type.type_name

    @property
    def oid(self) -> int:
        return self.type.oid

    @property
    def typmod(self) -> int:
        return self.type.typmod

    @property
    def typtype(self) -> str:
        return self.type.typtype

    @property
    def category(self) -> str:
        return self.type.category

    @property
    def element(self) -> TypeInfo | None:
        return self.type.element

    @property
    def base(self) -> TypeInfo | None:
        return self.type.base

    @property
    def labels(self) -> tuple[str, ...]:
        return self.type.labels

    @property
    def attributes(self) -> tuple[tuple[str, TypeInfo], ...]:
        return self.type.attributes


def read_columns(conn: psycopg.Connection[Any], relid: int) -> list[ColumnInfo]:
    """A table's live columns by number, in one round trip; empty where there is no such table."""
    return read_columns_many(conn, [relid])[relid]


class Known:
    """The columns that were read last: what a process that reads them often need not be told again."""

    def __init__(self) -> None:
        self._state: tuple[Any, ...] = ()
        self._columns: dict[int, list[ColumnInfo]] = {}

    def read(self, conn: psycopg.Connection[Any], relids: Sequence[int]) -> dict[int, list[ColumnInfo]]:
        """As `read_columns_many`; the very objects of the last time where the catalogue is still the same."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(statements.get("types", "columns_state"), {"relids": list(relids)})
            state = (tuple(relids), cursor.fetchone())
        if state != self._state:
            self._state, self._columns = state, read_columns_many(conn, relids)
        return self._columns


def read_columns_many(conn: psycopg.Connection[Any], relids: Sequence[int]) -> dict[int, list[ColumnInfo]]:
    """The live columns of many tables, by the table's oid, in one round trip."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(statements.get("types", "columns"), {"relids": list(relids)})
        row = cursor.fetchone()
    assert row is not None
    columns, types, money_scale = row
    build = _Builder({item["oid"]: item for item in types}, money_scale)
    by_table: dict[int, list[ColumnInfo]] = {relid: [] for relid in relids}
    for item in columns:
        by_table[item["relid"]].append(_column(item, build))
    return by_table


def _column(item: dict[str, Any], build: _Builder) -> ColumnInfo:
    return ColumnInfo(
        name=item["name"],
        attnum=item["attnum"],
        type=build.type(item["oid"], item["typmod"], item["type_name"]),
        not_null=item["not_null"],
        dims=item["dims"],
        identity=item["identity"],
        generated=item["generated"],
        default=item["default"],
        collation=item["collation"],
        deterministic=item["deterministic"],
        version=item["version"],
    )


def parts(kind: TypeInfo) -> Iterator[str]:
    """The attributes of the composite types that a type is built from, however deep."""
    for name, part in kind.attributes:
        yield f"{name} {part.type_name}"
        yield from parts(part)
    for inner in (kind.element, kind.base, kind.subtype):
        if inner is not None:
            yield from parts(inner)


def made(kind: TypeInfo) -> Iterator[int]:
    """The oids of the enums and composite types that a type is built from, however deep: what can be altered."""
    if kind.typtype in "ec":
        yield kind.oid
    for inner in (kind.element, kind.base, kind.subtype, *(part for _, part in kind.attributes)):
        if inner is not None:
            yield from made(inner)


class _Builder:
    """Makes a type's tree from the flat list of types the catalogue query reached."""

    def __init__(self, types: dict[int, dict[str, Any]], money_scale: int) -> None:
        self._types = types
        self._money_scale = money_scale

    def type(self, oid: int, typmod: int, type_name: str) -> TypeInfo:
        item = self._types[oid]
        return TypeInfo(
            oid=oid,
            schema=item["schema"],
            name=item["name"],
            type_name=type_name,
            typmod=typmod,
            typtype=item["typtype"],
            category=item["category"],
            extension=item["extension"],
            element=self._part(item["element"], typmod),
            base=self._part(item["base"], item["base_typmod"], item["base_format"]),
            subtype=self._part(item["subtype"], -1),
            labels=tuple(item["labels"] or ()),
            attributes=tuple((name, self.type(o, mod, text)) for name, o, mod, text in item["attributes"] or ()),
            money_scale=self._money_scale,
            recast=item["recast"],
        )

    def _part(self, oid: int, typmod: int, type_name: str | None = None) -> TypeInfo | None:
        """A type's part; an array's modifier is its element's."""
        if not oid:
            return None
        return self.type(oid, typmod, type_name or self._types[oid]["format"])
