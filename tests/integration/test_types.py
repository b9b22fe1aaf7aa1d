"""Every PostgreSQL type arrives in DuckDB with its value, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from jobs.types import column_plan
from tests.support import cluster, typelab


@pytest.fixture(scope="module")
def lab(postgres: cluster.Cluster) -> Iterator[typelab.Lab]:
    with typelab.laboratory(postgres) as found:
        yield found


@dataclass(frozen=True)
class Case:
    type: str
    duckdb: str
    values: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.type


_JSON = r'{"a" : 1.00, "a": 12345678901234567890.123456789, "big": 1e400, "ü": ["\u00fc", null, "\""]}'
CASES = [
    Case("boolean", "BOOLEAN", ["t", "f"]),
    Case("smallint", "SMALLINT", ["-32768", "0", "32767"]),
    Case("integer", "INTEGER", ["-2147483648", "2147483647"]),
    Case("bigint", "BIGINT", ["-9223372036854775808", "9223372036854775807"]),
    Case("real", "FLOAT", ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1", "16777217"]),
    Case("float8", "DOUBLE", ["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1"]),
    Case("numeric", "VARCHAR", ["NaN", "Infinity", "-Infinity", "1.10", "-0.000", "1e400", "1e-400", "0.1" + "9" * 60]),
    Case("numeric(38,2)", "DECIMAL(38,2)", ["9" * 36 + ".99", "-" + "9" * 36 + ".99", "0", "-0.01", "1.1"]),
    Case("numeric(1)", "DECIMAL(1,0)", ["9", "-9"]),
    Case("numeric(18,18)", "DECIMAL(18,18)", ["0." + "9" * 18, "-0." + "0" * 17 + "1"]),
    Case("numeric(5,-2)", "DECIMAL(7,0)", ["9999949", "-12345", "49"]),
    Case("numeric(2,5)", "DECIMAL(5,5)", ["0.00099", "-0.00012"]),
    Case("numeric(37,-1)", "DECIMAL(38,0)", ["9" * 37 + "0"]),
    Case("numeric(38,-1)", "VARCHAR", ["9" * 38 + "0", "NaN"]),
    Case("numeric(39,2)", "VARCHAR", ["9" * 37 + ".99", "NaN", "0"]),
    Case("money", "DECIMAL(19,2)", ["-92233720368547758.08", "92233720368547758.07", "0.01"]),
    Case("oid", "UINTEGER", ["0", "4294967295"]),
    Case("xid", "UINTEGER", ["0", "4294967295"]),
    Case("cid", "UINTEGER", ["4294967295"]),
    Case("xid8", "UBIGINT", ["0", "9223372036854775808", "18446744073709551615"]),
    Case("text", "VARCHAR", ["", " a ", "\x01\t\r\n", "ä€😀", "\ufeff\u200b", "NULL", "\\N", "a" * 5000, '"', "'"]),
    Case("varchar(3)", "VARCHAR", ["", "ä€😀", "a  "]),
    Case("char(5)", "VARCHAR", ["", "ab", " ab", "ab\t\n", "abcde"]),
    Case("bpchar", "VARCHAR", ["ab   ", ""]),
    Case('"char"', "VARCHAR", ["", "a", "\\200", "\\377"]),
    Case("name", "VARCHAR", ["", "a", "ä" * 31]),
    Case("bytea", "BLOB", ["\\x", "\\x00", "\\x00ff5c27", "\\x" + "ab" * 5000]),
    Case("date", "DATE", ["infinity", "-infinity", "4713-01-01 BC", "0001-12-31 BC", "0001-01-01", "5874897-12-31"]),
    Case("time", "TIME", ["00:00", "23:59:59.999999", "24:00"]),
    Case("time(0)", "TIME", ["23:59:59.7"]),
    Case("timetz", "TIMETZ", ["00:00+15:59:59", "24:00-15:59:59", "12:00:00.000001+05:30:15", "12:00+01", "11:00+00"]),
    Case("timestamp", "TIMESTAMP", ["infinity", "-infinity", "4714-11-24 00:00 BC", "0001-12-31 23:59:59.999999 BC",
                                    "294247-01-10 04:00:54.775806", "1969-12-31 23:59:59.999999"]),
    Case("timestamptz", "TIMESTAMPTZ", ["infinity", "-infinity", "4714-11-24 00:00+00 BC", "2026-03-29 02:30+02",
                                        "294247-01-10 04:00:54.775806+00", "1900-01-01 00:00+00:19:32"]),
    Case("timestamp(0)", "TIMESTAMP", ["2026-01-01 00:00:00.7"]),
    Case("interval", "INTERVAL", ["0", "1 mon", "30 days", "-1 year 2 mons -3 days -04:05:06.789", "178956970 years",
                                  "-2147483648 days", "2562047788:00:54.775807", "720 hours"]),
    Case("interval day to second(2)", "INTERVAL", ["3 days 01:02:03.456"]),
    Case("uuid", "UUID", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                          "80000000-0000-0000-0000-000000000000", "7fffffff-ffff-ffff-ffff-ffffffffffff"]),
    Case("json", "VARCHAR", [_JSON, '"\\ud800"', '"\\u0000"', " [ ] ", "null"]),
    Case("jsonb", "JSON", [_JSON, "null", '"a"', "1.00", "[" * 1000 + "]" * 1000]),
    Case("bit(3)", "VARCHAR", ["101"]),
    Case("bit varying", "VARCHAR", ["", "0", "1" * 100]),
    Case("inet", "VARCHAR", ["10.0.0.1", "10.0.0.1/8", "::1", "2001:db8::/32"]),
    Case("cidr", "VARCHAR", ["10.0.0.0/8", "::/0"]),
    Case("macaddr", "VARCHAR", ["08:00:2b:01:02:03"]),
    Case("macaddr8", "VARCHAR", ["08:00:2b:01:02:03:04:05"]),
    Case("point", "VARCHAR", ["(0.1,1e300)", "(NaN,-Infinity)"]),
    Case("line", "VARCHAR", ["{1,2,3}"]),
    Case("lseg", "VARCHAR", ["[(0,0),(0.1,1)]"]),
    Case("box", "VARCHAR", ["(1,1),(0,0)"]),
    Case("path", "VARCHAR", ["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    Case("polygon", "VARCHAR", ["((0,0),(1,1),(1,0))"]),
    Case("circle", "VARCHAR", ["<(0.30000000000000004,0),1>"]),
    Case("tsvector", "VARCHAR", ["'a':1A 'b c':2,3B", ""]),
    Case("tsquery", "VARCHAR", ["'a' & !('b':* | 'c d')", ""]),
    Case("jsonpath", "VARCHAR", ['$."a"[*]?(@ > 1)']),
    Case("pg_lsn", "VARCHAR", ["0/0", "FFFFFFFF/FFFFFFFF"]),
    Case("tid", "VARCHAR", ["(4294967295,65535)"]),
    Case("pg_snapshot", "VARCHAR", ["10:20:10,14,15"]),
    Case("regclass", "VARCHAR", ["pg_catalog.pg_class", "public.t"]),
    Case("regtype", "VARCHAR", ["integer", 'public."My Type"']),
    Case("regrole", "VARCHAR", ["-"]),
    Case("aclitem", "VARCHAR", ["=r/pg_monitor"]),
    Case("refcursor", "VARCHAR", ["c1"]),
    Case("int2vector", "SMALLINT[]", ["", "1 -2 3"]),
    Case("oidvector", "UINTEGER[]", ["", "4294967295 0"]),
    Case("int4range", "VARCHAR", ["empty", "[1,5]", "(,)"]),
    Case("numrange", "VARCHAR", ["[1.10,2.0)", "(,1e40]"]),
    Case("tstzrange", "VARCHAR", ["[2026-01-01 00:00+01,infinity)", "[4714-11-24 00:00+00 BC,294276-12-31 00:00+00]"]),
    Case("daterange", "VARCHAR", ["[2026-01-01,2026-01-31]"]),
    Case("int8multirange", "VARCHAR", ["{}", "{[1,2),[5,7)}"]),
    Case("datemultirange", "VARCHAR", ["{[2026-01-01,2026-01-31]}"]),
    Case("public.floatrange", "VARCHAR", ["[0.1,1e300)"]),
    Case("public.floatmultirange", "VARCHAR", ["{[0.1,0.30000000000000004)}"]),
    Case("public.mood", "VARCHAR", ["ok", 'so "so"', "it's {a}, b\\c", " ", ""]),
    Case('public."My Type"', "VARCHAR", ["(,,)", '(1,"a ""b"", (c)",1.10)', "(1,,NaN)"]),
    Case("public.nest", "VARCHAR", ['("(1,x,2)","{""(2,,)""}","so ""so"""', '(,,)'][1:]),
    Case("public.price", "DECIMAL(10,2)", ["1.10", "0"]),
    Case("public.cheap", "DECIMAL(10,2)", ["99999999.99"]),
    Case("public.list", "INTEGER[]", ["{}", "{1,NULL,3}"]),
    Case("public.moods", "VARCHAR[]", ['{ok,"so \\"so\\"",NULL,""}']),
    Case("public.code", "VARCHAR", ["ab", "abcd"]),
    Case("public.raw", "VARCHAR", ["anything", ""]),
    Case("public.hstore", "MAP(VARCHAR, VARCHAR)", ["", 'a=>1, b=>NULL, "x y"=>"q\\"\\\\ü", ""=>"NULL", n=>"null"']),
    Case("public.citext", "VARCHAR", ["Ab", "aB"]),
    Case("public.ltree", "VARCHAR", ["", "a.b.c"]),
    Case("public.lquery", "VARCHAR", ["a.*{1,2}.b"]),
    Case("public.cube", "VARCHAR", ["(0.1,2),(3,4)", "(1)"]),
    Case("public.seg", "VARCHAR", ["1.50 .. 2.0"]),
    Case("public.isbn13", "VARCHAR", ["978-0-11-000533-1"]),
    Case("integer[]", "INTEGER[]", ["{}", "{NULL}", "{1,NULL,-3}"]),
    Case("smallint[]", "SMALLINT[]", ["{1}"]),
    Case("bigint[]", "BIGINT[]", ["{9223372036854775807}"]),
    Case("real[]", "FLOAT[]", ["{NaN,-0,0.1,Infinity}"]),
    Case("float8[]", "DOUBLE[]", ["{NaN,-0,0.1,-Infinity,NULL}"]),
    Case("boolean[]", "BOOLEAN[]", ["{t,f,NULL}"]),
    Case("text[]", "VARCHAR[]", ['{"",NULL,"NULL","a,b","\\"","{}","ä€😀"}']),
    Case("varchar(3)[]", "VARCHAR[]", ["{abc}"]),
    Case("char(3)[]", "VARCHAR[]", ["{a,abc,NULL}"]),
    Case("name[]", "VARCHAR[]", ["{a}"]),
    Case('"char"[]', "VARCHAR[]", ["{a,\\\\377}"]),
    Case("numeric[]", "VARCHAR[]", ["{1.10,NaN,1e400,NULL}"]),
    Case("numeric(5,2)[]", "DECIMAL(5,2)[]", ["{1.10,-999.99,NULL}"]),
    Case("money[]", "DECIMAL(19,2)[]", ["{1.10,NULL}"]),
    Case("oid[]", "UINTEGER[]", ["{4294967295,NULL}"]),
    Case("xid[]", "UINTEGER[]", ["{4294967295}"]),
    Case("xid8[]", "UBIGINT[]", ["{18446744073709551615}"]),
    Case("bytea[]", "BLOB[]", ['{"\\\\x00ff","\\\\x",NULL}']),
    Case("uuid[]", "UUID[]", ["{ffffffff-ffff-ffff-ffff-ffffffffffff,NULL}"]),
    Case("date[]", "DATE[]", ['{infinity,-infinity,"4713-01-01 BC",5874897-12-31}']),
    Case("time[]", "TIME[]", ["{24:00,00:00:00.000001}"]),
    Case("timetz[]", "TIMETZ[]", ["{24:00+15:59:59,12:00-00:00:01}"]),
    Case("timestamp[]", "TIMESTAMP[]", ['{infinity,"4714-11-24 00:00 BC",NULL}']),
    Case("timestamptz[]", "TIMESTAMPTZ[]", ['{-infinity,"2026-01-01 00:00+05:45"}']),
    Case("interval[]", "INTERVAL[]", ['{"1 mon","-30 days"}']),
    Case("jsonb[]", "JSON[]", ['{"null",NULL,"{\\"a\\": 1.00}","\\"x\\""}']),
    Case("json[]", "VARCHAR[]", ['{"\\"\\\\ud800\\"","[ ]"}']),
    Case("bit varying[]", "VARCHAR[]", ['{"",101}']),
    Case("inet[]", "VARCHAR[]", ["{10.0.0.1/8}"]),
    Case("point[]", "VARCHAR[]", ['{"(0.1,2)"}']),
    Case("box[]", "VARCHAR[]", ["{(1,1),(0,0);(2,2),(1,1)}"]),
    Case("int4range[]", "VARCHAR[]", ['{"[1,5)",empty}']),
    Case("regtype[]", "VARCHAR[]", ["{integer}"]),
    Case("int2vector[]", "VARCHAR[]", ['{"1 2",""}']),
    Case("public.mood[]", "VARCHAR[]", ['{ok,NULL,"so \\"so\\""}']),
    Case('public."My Type"[]', "VARCHAR[]", ['{"(1,\\"a b\\",2)",NULL}']),
    Case("public.price[]", "DECIMAL(10,2)[]", ["{1.1,NULL}"]),
    Case("public.list[]", "VARCHAR[]", ['{"{1,2}","[0:0]={5}",NULL}']),
    Case("public.hstore[]", "VARCHAR[]", ['{"\\"a\\"=>\\"1\\""}']),
    Case("public.citext[]", "VARCHAR[]", ["{Ab,NULL}"]),
    Case("public.raw[]", "VARCHAR[]", ['{x,NULL,"a b"}']),
    Case("integer[][]", "VARCHAR", ["{}", "{{1,2},{NULL,4}}", "[0:1]={1,2}"]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_arrives_as_it_is(lab: typelab.Lab, case: Case) -> None:
    lab.make(case.type, [*case.values])
    plan = lab.compare()[1]
    assert plan.duckdb_type == case.duckdb
    assert not plan.note.startswith("unknown") or "raw" in case.type or "isbn" in case.type


@pytest.mark.few(40)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rule_text_keeps_any_value_in_postgresqls_own_spelling(lab: typelab.Lab, case: Case) -> None:
    lab.make(case.type, [*case.values])
    plan = column_plan.plan_column(lab.columns("public.t")[1], "text")
    lab.copy("public.t", [*lab.plans("public.t")[:1], plan])
    spelled = [row[0] for row in lab.postgres.execute("SELECT v::text FROM public.t ORDER BY n")]
    assert lab.duckdb.execute("SELECT v FROM copy ORDER BY n").fetchall() == [(text,) for text in spelled]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("regclass", "public.t", "public.t"),
        ("regclass", "pg_catalog.pg_class", "pg_class"),
        ("date", "2026-02-01", "2026-02-01"),
        ("timestamptz", "2026-02-01 12:00:00+05:45", "2026-02-01 06:15:00+00"),
        ("tstzrange", "[2026-02-01 12:00+01,)", '["2026-02-01 11:00:00+00",)'),
        ("interval", "1 year 2 days 3 hours", "1 year 2 days 03:00:00"),
        ("bytea", "\\x00ff", "\\x00ff"),
        ("point", "(0.1,0.30000000000000004)", "(0.1,0.30000000000000004)"),
    ],
)
def test_text_forms_do_not_depend_on_what_the_database_has_set(
    lab: typelab.Lab, kind: str, value: str, wanted: str
) -> None:
    lab.make(kind, [value])
    lab.copy("public.t", [lab.plans("public.t")[0], column_plan.plan_column(lab.columns("public.t")[1], "text")])
    assert lab.duckdb.execute("SELECT v FROM copy WHERE n = 0").fetchone() == (wanted,)
