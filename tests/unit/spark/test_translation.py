"""What becomes of DuckDB's SQL on Spark: the rules that make both answer alike, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import errors
from app.spark import statements
from app.spark.oracle import Oracle

COLUMNS = {
    ("shop", "a"): [
        ("i", "INTEGER"), ("b", "BIGINT"), ("h", "HUGEINT"), ("d", "DECIMAL(14,2)"), ("f", "DOUBLE"), ("r", "FLOAT"),
        ("v", "VARCHAR"), ("u", "UUID"), ("day", "DATE"), ("ts", "TIMESTAMP"), ("tz", "TIMESTAMP WITH TIME ZONE"),
        ("ok", "BOOLEAN"), ("words", "VARCHAR[]"), ("at", "TIME"),
    ],
    ("shop", "b"): [("i", "INTEGER"), ("w", "VARCHAR")],
    ("neaptide", "freshness"): [("as_of", "TIMESTAMP WITH TIME ZONE")],
}  # fmt: skip


class Fixed:
    """Tables that are only described."""

    def find(self, schema: str, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        return (f"{schema}_{name}", COLUMNS[schema, name]) if (schema, name) in COLUMNS else None


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as found:
        yield found


def translated(oracle: Oracle, sql: str, **params: object) -> statements.Translated:
    return statements.translated(oracle, sql, params, Fixed())


SAME = [
    ("d + 1.5", "CAST((s0.k3 + CAST('1.5' AS DECIMAL(2,1))) AS DECIMAL(15,2))", "DECIMAL(15,2)"),
    ("i / b", "WHEN CAST(s0.k1 AS DOUBLE) = 0 THEN CASE WHEN", "DOUBLE"),
    ("i // b", "CASE WHEN s0.k1 <> 0 THEN CAST(CAST(s0.k0 AS BIGINT) div s0.k1 AS BIGINT) END", "BIGINT"),
    ("h // b", " - s0.k2 % CAST(s0.k1 AS DECIMAL(38,0))) / CAST(s0.k1 AS DECIMAL(38,0))", "HUGEINT"),
    ("i % b", "CASE WHEN s0.k1 <> 0 THEN", "BIGINT"),
    ("d < f", "CAST(s0.k3 AS DOUBLE) < s0.k4", "BOOLEAN"),
    ("h < f", "WHEN s0.k2 BETWEEN -9007199254740992 AND 9007199254740992 THEN CAST(s0.k2 AS DOUBLE)", "BOOLEAN"),
    ("round(f, 2)", "round((s0.k4 * CAST('1e2' AS DOUBLE)), 0) / CAST('1e2' AS DOUBLE)", "DOUBLE"),
    ("round(d, 1)", "CAST(round(s0.k3, 1) AS DECIMAL(14,1))", "DECIMAL(14,1)"),
    ("CAST(d AS INTEGER)", "CAST(round(s0.k3, 0) AS INT)", "INTEGER"),
    ("CAST(f AS INTEGER)", "CAST(rint(CAST(s0.k4 AS DOUBLE)) AS INT)", "INTEGER"),
    ("sum(b)", "CAST(sum(CAST(s0.k1 AS DECIMAL(28,0))) AS DECIMAL(38,0))", "HUGEINT"),
    ("sum(d) FILTER (WHERE ok)", "CAST(sum(CAST(s0.k3 AS DECIMAL(28,2))) FILTER (WHERE s0.k11) AS DECIMAL(38,2))",
     "DECIMAL(38,2)"),
    ("date_trunc('month', day)", "CAST(trunc(s0.k8, 'MONTH') AS TIMESTAMP_NTZ)", "TIMESTAMP"),
    ("date_part('dow', day)", "dayofweek(s0.k8) - 1", "BIGINT"),
    ("date_diff('month', day, day)", "year(CAST(s0.k8 AS DATE)) * 12", "BIGINT"),
    ("epoch_us(tz)", "<> 9223372036854775807", "BIGINT"),
    ("tz AT TIME ZONE 'Europe/Berlin'", "convert_timezone('UTC', 'Europe/Berlin', CAST(s0.k10 AS TIMESTAMP_NTZ))",
     "TIMESTAMP"),
    ("day = '2024-01-31'", "s0.k8 = date_from_unix_date(19753)", "BOOLEAN"),
    ("u = '6F9619FF-8B86-D011-B42D-00CF4FC964FF'", "s0.k7 = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'", "BOOLEAN"),
    ("v = 'it''s \\'", "s0.k6 = CAST(X'69742773205c' AS STRING)", "BOOLEAN"),
    ("v LIKE 'a\\%'", "CAST(X'615c5c25' AS STRING)", "BOOLEAN"),
    ("v || w.w", "concat(s0.k6, s1.k1)", "VARCHAR"),
    ("concat(v, NULL)", "concat(coalesce(s0.k6, ''), coalesce(CAST(NULL AS STRING), ''))", "VARCHAR"),
    ("i IS DISTINCT FROM b", "(NOT (CAST(s0.k0 AS BIGINT) <=> s0.k1))", "BOOLEAN"),
    ("i NOT IN (1, NULL)", "(NOT ((s0.k0 = CAST('1' AS INT)) OR (s0.k0 = CAST(NULL AS INT))))", "BOOLEAN"),
    ("array_position(['a', 'b'], v)", "nullif(array_position(array('a', 'b'), s0.k6), 0)", "INTEGER"),
    ("row_number() OVER (ORDER BY d DESC)", "OVER (ORDER BY s0.k3 DESC NULLS LAST)", "BIGINT"),
    ("lag(i, 2, 0) OVER (ORDER BY b NULLS FIRST)",
     "lag(s0.k0, 2, CAST('0' AS INT)) OVER (ORDER BY s0.k1 ASC NULLS FIRST)", "INTEGER"),
    ("sum(i) OVER (ORDER BY b ROWS BETWEEN $n - 1 PRECEDING AND CURRENT ROW)",
     "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "HUGEINT"),
    ("CASE WHEN ok THEN i ELSE 1.5 END", "THEN CAST(s0.k0 AS DECIMAL(11,1)) ELSE", "DECIMAL(11,1)"),
    ("CAST(tz AS DATE)", "BETWEEN TIMESTAMP'0001-01-01 00:00:00+00:00' AND", "DATE"),
    ("day + INTERVAL 1 month", "make_interval(0, 1, 0, 0, 0, 0, CAST('0' AS DECIMAL(18,6)))", "TIMESTAMP"),
    ("unnest(range(i))", "LATERAL VIEW explode(", "BIGINT"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "part", "kind"), SAME)
def test_an_expression_becomes_what_is_the_same_on_spark(oracle: Oracle, expression: str, part: str, kind: str) -> None:
    found = translated(oracle, f"SELECT {expression} FROM shop.a" + " , shop.b AS w" * ("w.w" in expression), n=3)
    assert part in found.sql, found.sql
    assert found.types == (kind,)


REFUSED = [
    ("date_part('epoch', ts)", "epoch"),
    ("date_diff('hour', ts, ts)", "date_diff"),
    ("date_diff('day', tz, tz)", "date_diff"),
    ("time_bucket(INTERVAL 1 week, day)", "time_bucket"),
    ("quantile_cont(d, 0.5)", "quantile_cont"),
    ("median(i)", "median"),
    ("avg(i)", "avg"),
    ("round(avg(i), 2)", "avg"),
    ("sum(f)", "the sum of DOUBLE"),
    ("avg(f)", "avg"),
    ("stddev(i)", "stddev"),
    ("string_agg(v, ',')", "string_agg"),
    ("list(i ORDER BY i)", "list"),
    ("any_value(v)", "any_value"),
    ("first(v)", "first"),
    ("arg_max(v, i)", "arg_max"),
    ("v ILIKE 'a%'", "ILIKE"),
    ("regexp_matches(v, 'a')", "regular expression"),
    ("strftime(day, '%a')", "format of times"),
    ("f ** 2", "power"),
    ("d // 2", "//"),
    ("r / r", "FLOAT"),
    ("r + r", "FLOAT"),
    ("f % 2", "%"),
    ("CAST(f AS DECIMAL(10,2))", "CAST of DOUBLE AS DECIMAL(10,2)"),
    ("CAST(v AS INTEGER)", "CAST of VARCHAR AS INTEGER"),
    ("TRY_CAST(v AS DATE)", "TRY_CAST"),
    ("CAST(ts AS VARCHAR)", "CAST of TIMESTAMP AS VARCHAR"),
    ("ts - ts", "which gives INTERVAL"),
    ("ts AT TIME ZONE 'Europe/Berlin'", "AT TIME ZONE"),
    ("tz AT TIME ZONE v", "AT TIME ZONE"),
    ("random() + i", "random"),
    ("words", "words of the type VARCHAR[]"),
    ('"at"', "at of the type TIME"),
    ("row_number() OVER ()", "without an ORDER BY"),
    ("sum(i) FILTER (WHERE ok) OVER (ORDER BY i)", "FILTER"),
    ("sum(i) OVER (ORDER BY i ROWS BETWEEN b PRECEDING AND CURRENT ROW)", "constant number of rows"),
    ("sum(i) OVER (ORDER BY i RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)", "range of values"),
    ("last_value(i IGNORE NULLS) OVER (ORDER BY b)", "IGNORE NULLS"),
    ("i + unnest(range(2)) + unnest(range(3))", "more than one unnest"),
    ("substring(v, i, 2)", "substring"),
    ("i BETWEEN v AND v", "INTEGER compared with VARCHAR"),
    ("COLUMNS('i')", "star with COLUMNS"),
    ("v COLLATE NOCASE", "collate"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "named"), REFUSED)
def test_what_has_no_rule_is_refused_by_name_and_place(oracle: Oracle, expression: str, named: str) -> None:
    with pytest.raises(errors.NotOnSpark) as caught:
        translated(oracle, f"SELECT 1,\n {expression}\nFROM shop.a")
    assert named in caught.value.message
    # Of a call without arguments DuckDB does not say where it stands.
    assert "line 2" in caught.value.message or "random" in expression
    assert caught.value.hint


STATEMENTS_REFUSED = [
    ("PIVOT shop.a ON v IN ('x') USING sum(i)", "PIVOT"),
    ("SELECT DISTINCT ON (v) v, i FROM shop.a ORDER BY v, i", "DISTINCT ON"),
    ("SELECT v FROM shop.a GROUP BY ROLLUP (v)", "ROLLUP"),
    ("SELECT v FROM shop.a USING SAMPLE 1 ROWS", "sample"),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t", "recursive"),
    ("SELECT 1 AS x UNION BY NAME SELECT 2 AS x", "UNION BY NAME"),
    ("SELECT * FROM shop.a NATURAL JOIN shop.b", "NATURAL"),
    ("SELECT * FROM shop.a POSITIONAL JOIN shop.b", "POSITIONAL"),
    ("SELECT * FROM range(3)", "function in FROM"),
    ("SELECT i FROM shop.a ORDER BY i LIMIT 10%", "percent"),
    ("SELECT i FROM shop.a LIMIT 10", "LIMIT without an ORDER BY"),
    ("SELECT i FROM (SELECT i FROM shop.a OFFSET 1) AS x ORDER BY i", "LIMIT without an ORDER BY"),
    ("SELECT a.v FROM shop.a, shop.b WHERE i = 1", "the name i"),
    ("SELECT v, sum(i) AS i FROM shop.a GROUP BY v, i HAVING i > 1", "the name i"),
    ("SELECT (SELECT max(w) FROM shop.b WHERE b.i = a.i) FROM shop.a", "the name a.i"),
    ("SELECT i FROM shop.elsewhere", "the table shop.elsewhere"),
]


@pytest.mark.parametrize(("sql", "named"), STATEMENTS_REFUSED)
def test_a_statement_that_cant_be_the_same_is_refused(oracle: Oracle, sql: str, named: str) -> None:
    with pytest.raises(errors.NotOnSpark) as caught:
        translated(oracle, sql)
    assert named in caught.value.message


def test_null_comes_last_unless_it_is_said_otherwise(oracle: Oracle) -> None:
    sql = "SELECT i, v FROM shop.a ORDER BY d DESC, v NULLS FIRST, 1 LIMIT 3 OFFSET 1"
    found = translated(oracle, sql).sql
    assert "ORDER BY h0 DESC NULLS LAST, k1 ASC NULLS FIRST, k0 ASC NULLS LAST LIMIT 3 OFFSET 1" in found


def test_a_width_that_is_a_constant_column_can_be_a_frame(oracle: Oracle) -> None:
    sql = """WITH w AS (SELECT i, $n AS width FROM shop.b), x AS (SELECT w.* FROM w LEFT JOIN shop.a ON a.i = w.i)
        SELECT sum(i) OVER (ORDER BY i ROWS BETWEEN width - 1 PRECEDING AND CURRENT ROW) FROM x"""
    assert "ROWS BETWEEN 6 PRECEDING AND CURRENT ROW" in translated(oracle, sql, n=7).sql
    outer = sql.replace("FROM w LEFT JOIN shop.a ON a.i = w.i", "FROM shop.a LEFT JOIN w ON a.i = w.i")
    with pytest.raises(errors.NotOnSpark, match="constant number of rows"):
        translated(oracle, outer, n=7)


def test_a_value_is_bound_and_never_becomes_sql(oracle: Oracle) -> None:
    found = translated(oracle, "SELECT i FROM shop.a WHERE v = $x", x="'; DROP VIEW t; --`${spark.master}")
    assert "DROP" not in found.sql
    assert "${" not in found.sql


def test_zones_are_noted_to_be_compared_first(oracle: Oracle) -> None:
    sql = "SELECT CAST(tz AT TIME ZONE $z AS DATE) FROM shop.a"
    assert translated(oracle, sql, z="Asia/Kathmandu").zones == {"Asia/Kathmandu"}
    assert translated(oracle, sql, z="UTC").zones == frozenset()


def test_deep_nesting_is_refused_and_no_crash(oracle: Oracle) -> None:
    deep = "SELECT i FROM shop.a WHERE " + "NOT (" * 400 + "ok" + ")" * 400
    with pytest.raises(errors.NeaptideError):
        translated(oracle, deep)
