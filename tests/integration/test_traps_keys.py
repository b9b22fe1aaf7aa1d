"""Keys that PostgreSQL and the file might take for equal, or for different, where the other does not."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from app import errors
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target

ODD = [
    "", " ", "a", "a ", "A", "ä", "a\u0308", "it's", '"quoted"', "back\\slash", "new\nline", "tab\t", "🦀", "null",
    "NULL", "{1,2}", "[1, 2]", "%s", "$$", "\u00a0", "\u200b", "ß", "SS", "x" * 300,
]  # fmt: skip
CASELESS = "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"

# Each: the type, values that are different keys, and pairs that PostgreSQL holds equal though spelled otherwise.
KEYS: dict[str, tuple[str, list[str], list[tuple[str, str]]]] = {
    "text": ("text", ODD, []),
    "text C": ('text COLLATE "C"', ODD, []),
    "caseless": ("text COLLATE caseless", ["a", "b", "it's", "back\\slash", "🦀"], [("a", "A"), ("b", "B")]),
    "citext": ("citext", ["a", "b", "c ", "🦀"], [("a", "A")]),
    "char": ("char(5)", ["a", "ab", "  c", "", "ß"], []),
    "varchar": ("varchar(20)", ["a", "a ", "it's"], []),
    "name": ('"name"', ["a", "b"], []),
    "numeric": ("numeric", ["1.0", "2", "-3.50", "1e20", "0.000"], [("1.0", "1.00"), ("2", "2.000")]),
    "scaled": ("numeric(10, 2)", ["1.0", "2", "-3.50"], []),
    "uuid": ("uuid", ["00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"], []),
    "bytea": ("bytea", ["\\x", "\\x00", "\\xdeadbeef", "\\x5c78"], []),
    "timestamptz": ("timestamptz", ["2026-03-29 02:30:00.123456+01", "infinity", "1900-01-01 00:00:00+00"], []),
    "timestamp": ("timestamp", ["2026-10-25 02:30:00.000001", "0001-01-01 00:00:00"], []),
    "date": ("date", ["2026-02-28", "0001-01-01", "9999-12-31"], []),
    "float8": ("float8", ["0.1", "0.30000000000000004", "1e300", "-5e-324", "Infinity", "NaN"], []),
    "float4": ("float4", ["0.1", "16777216", "1e-30"], []),
    "time": ("time", ["00:00", "23:59:59.999999", "24:00"], []),
    "interval": ("interval", ["1 day", "-1 day +02:03:04", "1 mon"], [("1 day", "24:00:00")]),
    "boolean": ("boolean", ["t", "f"], []),
    "enum": ("mood", ["so so", "it's"], []),
    "array": ("int[]", ["{}", "{1,2}", "{1,NULL}"], []),
    "domain": ("code", ["x1", "x2 "], []),
    "inet": ("inet", ["10.0.0.1", "10.0.0.0/8", "::1"], []),
    "bigint": ("bigint", ["-9223372036854775808", "9223372036854775807", "0"], []),
}
# What a session may have set when it deletes.
MESS = (
    "SET extra_float_digits = 0", "SET datestyle = 'SQL, DMY'", "SET intervalstyle = 'sql_standard'",
    "SET timezone = 'Asia/Kathmandu'", "SET bytea_output = 'escape'", "SET search_path = pg_temp",
)  # fmt: skip


def table(kind: str) -> str:
    return f'public."k {kind}"'


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table for each type of key, all values in it."""
    found = Lab(empty_db, tmp_path, [])
    kinds = dict(KEYS)
    if not has_icu(found):
        # The embedded server is built without ICU, and only ICU has collations that hold different strings equal.
        del kinds["caseless"]
    found.specs = [{"name": f"public.k {kind}"} for kind in kinds]
    found.run("CREATE EXTENSION citext", "CREATE TYPE mood AS ENUM ('so so', 'it''s')")
    found.run("CREATE DOMAIN code AS text CHECK (value LIKE 'x%')")
    with found.connect() as conn:
        for kind, (sql_type, values, _) in kinds.items():
            conn.execute(f"CREATE TABLE {table(kind)} (k {sql_type} PRIMARY KEY, n int)".encode())
            conn.cursor().executemany(f"INSERT INTO {table(kind)} VALUES (%s, 1)".encode(), [(v,) for v in values])
    found.track()
    found.sync()
    return found


def has_icu(lab: Lab) -> bool:
    try:
        lab.run(CASELESS)
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


def kinds_of(lab: Lab) -> dict[str, tuple[str, list[str], list[tuple[str, str]]]]:
    names = {spec["name"] for spec in lab.specs}
    return {kind: found for kind, found in KEYS.items() if f"public.k {kind}" in names}


def assert_equal(lab: Lab) -> None:
    """By the number of rows and what stands beside the key: spellings of values are another test's business."""
    for kind, (sql_type, _, _) in kinds_of(lab).items():
        if "text" in sql_type or sql_type in ("uuid", "boolean", "bigint", "numeric", "mood", "code"):
            lab.assert_equal(table(kind))
        ours, theirs = lab.file_rows(table(kind)), lab.source_rows(table(kind))
        assert sorted(row[1] for row in ours) == sorted(row[1] for row in theirs), kind


def test_rows_with_any_key_are_updated_respelled_and_deleted(lab: Lab) -> None:
    with lab.connect() as conn:
        for setting in MESS:
            conn.execute(setting.encode())
        for kind, (_, values, pairs) in kinds_of(lab).items():
            conn.execute(f"UPDATE {table(kind)} SET n = 2".encode())
            for old, new in pairs:
                conn.execute(f"UPDATE {table(kind)} SET k = %s, n = 3 WHERE k = %s".encode(), (new, old))
            for place, value in enumerate(values[::2]):
                gone = f"DELETE FROM {table(kind)} WHERE k = %s".encode()
                conn.execute(gone, (value,))
                if place % 2:
                    conn.execute(f"INSERT INTO {table(kind)} VALUES (%s, 4)".encode(), (value,))
    lab.sync()
    assert_equal(lab)
    with lab.connect() as conn:
        for statement in (*MESS, *(f"DELETE FROM {table(kind)}" for kind in kinds_of(lab))):
            conn.execute(statement.encode())
    lab.sync()
    for kind in kinds_of(lab):
        assert lab.file_rows(table(kind)) == [], kind


def test_composite_keys_in_another_order_than_the_columns(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.c"}])
    lab.run(
        'CREATE TABLE c (x int, "B b" text, "a""q" numeric, PRIMARY KEY ("a""q", "B b"))',
        "INSERT INTO c SELECT g, 'b' || g % 3, g / 3 FROM generate_series(1, 30) AS g",
    )
    lab.track()
    lab.sync()
    lab.run(
        """DELETE FROM c WHERE "a""q" = 3 AND "B b" = 'b1'""",
        """UPDATE c SET "B b" = 'b9' WHERE "a""q" = 4 AND "B b" = 'b1'""",
        """UPDATE c SET x = 0 WHERE "a""q" = 5""",
    )
    lab.sync()
    lab.assert_equal()


def test_a_key_of_the_configs_is_a_key_on_the_source_too(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.c", "key": ["b"]}])
    lab.run("CREATE TABLE c (a int, b int)", "CREATE UNIQUE INDEX ON c (b)")
    with pytest.raises(errors.ConfigError, match="no unique index on NOT NULL columns"):
        lab.track()
    lab.run("ALTER TABLE c ALTER b SET NOT NULL", "INSERT INTO c VALUES (1, 1), (1, 2)")
    lab.track()
    lab.sync()
    lab.run("DELETE FROM c WHERE b = 1", "UPDATE c SET b = 3")
    lab.sync()
    lab.assert_equal()
