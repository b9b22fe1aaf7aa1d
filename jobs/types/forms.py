"""The table: PostgreSQL type, the casts that carry it over the wire, DuckDB type.

DuckDB's extension alone would change values without a word: numeric without a scale becomes DOUBLE, NaN in a numeric
0, a timestamp after the year 294246 one before Christ, an array's lower bound is dropped. So every type has its casts
here, chosen by experiment: native binary where that is exact, PostgreSQL's text form where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobs.types.info import TypeInfo


def filled(template: str, value: str) -> str:
    """`template` with the value in its place."""
    return template.replace("{v}", value)


@dataclass(frozen=True)
class Form:
    """What becomes of a type. In the templates `{v}` is the value: PostgreSQL's column, or DuckDB's.

    `casts` are applied to the column in PostgreSQL, one after the other, then `source`. `lossy`
    is true in PostgreSQL for a value that can't be kept, `misfit` says so in words. `lossless` is as in `ColumnPlan`,
    `same` its `same_equality`, `exact` its `exact_sql`. `element`: an array of it may be cast element by element.
    """

    casts: tuple[str, ...]
    duckdb: str
    target: str = "{v}"
    source: str = "{v}"
    lossy: str | None = None
    misfit: str = ""
    note: str = "exact"
    same: bool = True
    lossless: bool = True
    element: bool = True
    exact: str = "{v}"


def as_text(note: str, *, same: bool = True) -> Form:
    return Form(("text",), "VARCHAR", note=note, same=same)


def _of_elements(exact: str) -> str:
    """The same for every element of a list."""
    return f"list_transform({{v}}, lambda e: {filled(exact, 'e')})"


def _unsigned(*casts: str, duckdb: str = "UINTEGER") -> Form:
    """DuckDB's extension knows no unsigned types: they cross as bigint or text."""
    return Form(casts, duckdb, target=f"CAST({{v}} AS {duckdb})")


AS_TEXT = "in PostgreSQL's text form"
# DuckDB counts microseconds from 1970 and PostgreSQL from 2000, both in 64 bits; DuckDB's last one means infinity.
_FAR = "({v} >= '294247-01-10 04:00:54.775807+00'::%s AND isfinite({v}))"
_FAR_WORDS = "a time from 294247-01-10 04:00:54.775807 on"
_NAME_NOTE = "as the name it shows, qualified; a rename of the object doesn't reach rows copied before"
# For DuckDB, as for PostgreSQL, -0 equals 0, but they are two values.
_SIGNED = "({v}, {v} = 0 AND signbit({v}))"

_BUILTIN: dict[str, Form] = {
    "bool": Form(("bool",), "BOOLEAN"),
    "int2": Form(("int2",), "SMALLINT"),
    "int4": Form(("int4",), "INTEGER"),
    "int8": Form(("int8",), "BIGINT"),
    "float4": Form(("float4",), "FLOAT", exact=_SIGNED),
    "float8": Form(("float8",), "DOUBLE", exact=_SIGNED),
    "oid": _unsigned("int8"),
    "xid": _unsigned("text", "int8"),
    "cid": _unsigned("text", "int8"),
    "xid8": _unsigned("text", duckdb="UBIGINT"),
    "text": as_text("exact"),
    "varchar": as_text("exact"),
    # Padding says nothing (char(n) restores it) and DuckDB, unlike PostgreSQL, would count it when comparing.
    "bpchar": as_text("without the trailing blanks, which PostgreSQL ignores when it compares"),
    "name": as_text("exact"),
    "char": as_text('in PostgreSQL\'s text form: bytes above 127 as \\ooo, the byte 0 as ""'),
    "bytea": Form(("bytea",), "BLOB"),
    "date": Form(("date",), "DATE"),
    "time": Form(("time",), "TIME"),
    "timetz": Form(("timetz",), "TIMETZ"),
    "timestamp": Form(("timestamp",), "TIMESTAMP", lossy=_FAR % "timestamp", misfit=_FAR_WORDS),
    "timestamptz": Form(("timestamptz",), "TIMESTAMPTZ", lossy=_FAR % "timestamptz", misfit=_FAR_WORDS),
    "interval": Form(
        ("interval",),
        "INTERVAL",
        lossy="NOT isfinite({v})",
        misfit="an infinite interval",
        exact="CAST({v} AS VARCHAR)",
    ),
    "uuid": Form(("uuid",), "UUID"),
    # DuckDB's JSON refuses half a surrogate pair, which json (not jsonb) allows. Its json functions take VARCHAR too.
    "json": Form(("json",), "VARCHAR", note="as its text, byte for byte", same=False),
    "jsonb": Form(
        ("jsonb",), "JSON", target="CAST({v} AS JSON)", note="as its text, numbers with all digits", same=False
    ),
    # DuckDB's BIT can't hold the empty bit string; a cast to BIT is a step away.
    "bit": as_text("as 0s and 1s"),
    "varbit": as_text("as 0s and 1s"),
    "int2vector": Form(("int2[]",), "SMALLINT[]", note="as a list, numbered from 1 there", element=False),
    "oidvector": Form(
        ("oid[]", "int8[]"), "UINTEGER[]", target="CAST({v} AS UINTEGER[])", note="as a list, numbered from 1 there",
        element=False,
    ),
}  # fmt: skip
_NAMES = """
    regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole
    regtype regdatabase
"""
_TEXTS = """
    inet cidr macaddr macaddr8 tsvector xml pg_lsn tid int4range int8range daterange tsrange tstzrange
    int4multirange int8multirange datemultirange tsmultirange tstzmultirange
"""
# Floats and numerics inside spell one value in several ways (-0 and 0, 1.0 and 1.00), PostgreSQL looks at a part of the
# value only (a tsquery's words, not their weights), or there is no equality.
_LOOSE_TEXTS = """
    tsquery point line lseg box path polygon circle jsonpath numrange nummultirange aclitem refcursor pg_snapshot
    txid_snapshot gtsvector pg_node_tree pg_ndistinct pg_dependencies pg_mcv_list pg_brin_bloom_summary
    pg_brin_minmax_multi_summary pg_ddl_command record anyarray cstring unknown
"""
_BUILTIN |= dict.fromkeys(_NAMES.split(), as_text(_NAME_NOTE))
_BUILTIN |= dict.fromkeys(_TEXTS.split(), as_text(AS_TEXT))
_BUILTIN |= dict.fromkeys(_LOOSE_TEXTS.split(), as_text(AS_TEXT, same=False))

_KEY_NOTE = "as the name it shows, qualified, which in a key may change without a write: the table is compared whole"
# In a key. Functions and operators of one name are told apart, and DuckDB holds other intervals equal than PostgreSQL.
_IN_KEY = dict.fromkeys(_NAMES.split(), as_text(_KEY_NOTE)) | {
    "regproc": Form(("regprocedure", "text"), "VARCHAR", note=_KEY_NOTE),
    "regoper": Form(("regoperator", "text"), "VARCHAR", note=_KEY_NOTE),
    "interval": as_text(f"{AS_TEXT}, since DuckDB holds other intervals equal in a key", same=False),
}

_HSTORE = Form(
    ("json",), "MAP(VARCHAR, VARCHAR)", target="CAST(CAST({v} AS JSON) AS MAP(VARCHAR, VARCHAR))", element=False
)
_VECTOR = Form(
    ("float4[]",), "FLOAT[]", note="exact, as a list", same=False, element=False, exact=_of_elements(_SIGNED)
)
_EXTENSIONS: dict[tuple[str, str], Form] = {
    ("hstore", "hstore"): replace(_HSTORE, note="exact, as a map", same=False),
    ("citext", "citext"): as_text("exact; DuckDB compares it with regard to case", same=False),
    ("ltree", "ltree"): as_text(AS_TEXT),
    ("ltree", "lquery"): as_text(AS_TEXT, same=False),
    ("ltree", "ltxtquery"): as_text(AS_TEXT, same=False),
    ("vector", "vector"): _VECTOR,
    ("vector", "halfvec"): _VECTOR,
    ("vector", "sparsevec"): as_text(AS_TEXT, same=False),
    ("cube", "cube"): as_text(AS_TEXT, same=False),
    ("seg", "seg"): as_text(AS_TEXT, same=False),
}

# What CREATE TYPE makes, by typtype. A DuckDB ENUM could not take a label that is added later. Two composites or
# ranges may be equal in PostgreSQL and be spelled differently: numerics in them, for instance.
_MADE = {
    "e": as_text("as the label"),
    "c": as_text(f"composite {AS_TEXT}", same=False),
    "r": as_text(f"range {AS_TEXT}", same=False),
    "m": as_text(f"multirange {AS_TEXT}", same=False),
}

MAX_DIGITS = 38  # DuckDB's widest DECIMAL


def form_of(kind: TypeInfo, dims: int = 0, *, key: bool = False) -> Form:
    """What becomes of a type that is no domain; `key`: of a column of a table's key."""
    if kind.element:
        return _array(kind, kind.element.resolved, dims, key=key)
    if kind.schema == "pg_catalog":
        return _IN_KEY.get(kind.name) or _builtin(kind) if key else _builtin(kind)
    if kind.typtype in _MADE:
        return _MADE[kind.typtype]
    form = _EXTENSIONS.get((kind.extension or "", kind.name))
    return _sized_vector(form, kind) if form else _unknown(kind)


def is_of_extension(kind: TypeInfo) -> bool:
    """Whether it is a type of an extension whose values are known here."""
    return (kind.extension or "", kind.name) in _EXTENSIONS


# A lake's files cut an interval to milliseconds, refuse a negative one, and forget the zone of a timetz.
_NOT_IN_PARQUET = ("INTERVAL", "TIMETZ")


def in_parquet(form: Form) -> Form:
    """The form of a value that is kept in Parquet: text where that would be another value, a list of any size."""
    if form.duckdb.removesuffix("[]") in _NOT_IN_PARQUET:
        return as_text(f"{AS_TEXT}, since Parquet would change it", same=False)
    if form.duckdb.startswith("FLOAT["):
        return _VECTOR
    return form


def shows_names(kind: TypeInfo) -> bool:
    """Whether a value's text holds names of objects, however deep, so that it may change without a write."""
    return (kind.schema == "pg_catalog" and kind.name in _NAMES.split()) or any(map(shows_names, _parts(kind)))


def _parts(kind: TypeInfo) -> list[TypeInfo]:
    parts = (kind.element, kind.base, kind.subtype, *(part for _, part in kind.attributes))
    return [part for part in parts if part is not None]


def _unknown(kind: TypeInfo) -> Form:
    return as_text(f"unknown type {kind.type_name} {AS_TEXT}", same=False)


def _builtin(kind: TypeInfo) -> Form:
    if kind.name == "numeric":
        return numeric(kind.typmod)
    if kind.name == "money":
        # Any count of the smallest unit has at most 19 digits.
        size = f"(19,{kind.money_scale})"
        return Form(("numeric", f"numeric{size}"), f"DECIMAL{size}", note="exact, without the currency's sign")
    form = _BUILTIN.get(kind.name) or _MADE.get(kind.typtype) or _unknown(kind)
    if kind.name == "bpchar" and kind.typmod == -1:
        return replace(form, lossless=False)
    return form


def _sized_vector(form: Form, kind: TypeInfo) -> Form:
    """A vector of n dimensions is DuckDB's fixed-size ARRAY, which its distance functions ask for."""
    if form is not _VECTOR or kind.typmod < 1:
        return form
    duckdb = f"FLOAT[{kind.typmod}]"
    return replace(form, duckdb=duckdb, target=f"CAST({{v}} AS {duckdb})", note="exact, as an array of fixed size")


def numeric(typmod: int) -> Form:
    """DECIMAL where 38 digits hold it, else the exact text."""
    if typmod == -1:
        note = "as exact text: it has no fixed scale, and the rules decimal and double make it a number"
        return as_text(note, same=False)
    precision, scale = digits(typmod)
    if precision > MAX_DIGITS:
        return as_text("as exact text: DuckDB's DECIMAL ends at 38 digits")
    return decimal(precision, scale, "{v} = 'NaN'::numeric", "NaN")


def digits(typmod: int) -> tuple[int, int]:
    """Digits in all and after the point. A numeric(5,-2) has 7 and none, a numeric(2,5) has 5 and 5."""
    packed = typmod - 4
    precision, scale = packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024
    return (precision - scale, 0) if scale < 0 else (max(precision, scale), scale)


def decimal(precision: int, scale: int, lossy: str, misfit: str) -> Form:
    size = f"({precision},{scale})"
    return Form((f"numeric{size}",), f"DECIMAL{size}", lossy=lossy, misfit=misfit)


def _array(kind: TypeInfo, element: TypeInfo, dims: int, *, key: bool) -> Form:
    """A list of the element's form, where that is a matter of a cast.

    PostgreSQL doesn't fix the number of dimensions or the lower bound, and almost all arrays have one dimension and
    begin at 1. So that is what gets a list, and another shape follows the rule. A column declared with more
    dimensions (`integer[][]`) says that it has others, and is text from the start.
    """
    if dims > 1:
        return as_text(f"array declared with {dims} dimensions {AS_TEXT}", same=False)
    inner = form_of(element, key=key)
    if not inner.element or element.element:
        inner = as_text(AS_TEXT, same=inner.same)
    casts = tuple(f"{cast}[]" for cast in inner.casts)
    if element.name == "bytea" and element.schema == "pg_catalog":
        casts, target = ("text[]",), "list_transform({v}, lambda x: unhex(substr(x, 3)))"
    elif element.name == "bpchar" and element.schema == "pg_catalog":
        # An array that is read by its output function keeps the blanks that a cast of its elements drops.
        target = "list_transform({v}, lambda x: rtrim(x, ' '))"
    else:
        target = "{v}" if inner.target == "{v}" else f"CAST({{v}} AS {inner.duckdb}[])"
    return Form(
        casts,
        f"{inner.duckdb}[]",
        target=target,
        lossy=_shape_is_odd(inner),
        misfit="an array of several dimensions or not numbered from 1" + (f", {inner.misfit}" if inner.misfit else ""),
        note="as a list" if inner.note == "exact" else f"as a list, its elements {inner.note}",
        same=inner.same,
        lossless=inner.lossless,
        exact=inner.exact if inner.exact == "{v}" else _of_elements(inner.exact),
        element=False,
    )


def _shape_is_odd(inner: Form) -> str:
    """True for an array that is no plain list, or holds an element that can't be kept. NULL for the empty array."""
    shape = "(array_ndims({v}) > 1 OR array_lower({v}, 1) <> 1)"
    if not inner.lossy:
        return shape
    element = filled(inner.lossy, "u.e")
    return f"({shape} OR EXISTS (SELECT FROM unnest({{v}}) AS u (e) WHERE {element}))"
