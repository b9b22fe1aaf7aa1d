"""Every type that may be a key, with values of it: different ones, and some that PostgreSQL holds equal to another."""

from __future__ import annotations

SETUP = """
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
    CREATE EXTENSION seg; CREATE EXTENSION isn;
    CREATE TYPE mood AS ENUM ('ok', 'so "so"');
    CREATE TYPE pair AS (a integer, b numeric); CREATE TYPE floats AS (f float8);
    CREATE TYPE pace AS (every interval, "at" timetz);
    CREATE TYPE floatrange AS RANGE (subtype = float8); CREATE TYPE pacerange AS RANGE (subtype = interval);
    CREATE DOMAIN price AS numeric(10, 2); CREATE DOMAIN amount AS numeric; CREATE DOMAIN span AS interval;
    CREATE DOMAIN address AS citext; CREATE DOMAIN spans AS interval[]; CREATE DOMAIN place AS regclass
"""
# Where the server has ICU.
CASELESS = "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"

VALUES: dict[str, tuple[str, ...]] = {
    "boolean": ("t", "f"),
    "smallint": ("-32768", "0", "7"),
    "integer": ("-2147483648", "0", "7"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "real": ("-0", "0", "NaN", "Infinity", "0.1", "1e-45"),
    "double precision": ("-0", "0", "NaN", "-Infinity", "0.1", "0.30000000000000004", "5e-324"),
    "numeric": ("1.0", "1", "1.000", "NaN", "0.00", "0", "-3.50", "1e20", "Infinity"),
    "numeric(10,2)": ("1.0", "-3.5", "0"),
    "money": ("1.50", "-2"),
    "oid": ("0", "4294967295"),
    "xid8": ("0", "18446744073709551615"),
    "text": ("", " ", "a", "a ", "A", "ä", "a\u0308", "{1,2}", "NULL", "it's", "back\\slash", "new\nline", "🦀"),
    "character varying(20)": ("a", "a ", ""),
    "character(5)": ("a", "a ", "ab", "  c", ""),
    "bpchar": ("a", "a ", "a  ", "", " "),
    "name": ("a", "b"),
    '"char"': ("a", "", "\\200"),
    "bytea": ("\\x", "\\x00", "\\x00ff"),
    "date": ("infinity", "-infinity", "4713-01-01 BC", "2026-02-28", "5874897-12-31"),
    "time without time zone": ("00:00", "24:00", "23:59:59.999999"),
    "time with time zone": ("12:00+01", "11:00+00", "11:00-00", "24:00-15:59:59", "00:00+00", "24:00+00"),
    "timestamp without time zone": ("infinity", "4714-11-24 00:00 BC", "2026-10-25 02:30:00.000001"),
    "timestamp with time zone": (
        "-infinity",
        "2026-03-29 02:30+02",
        "2026-03-29 00:30+00",
        "1900-01-01 00:00+00:19:32",
    ),
    "interval": (
        "30 days",
        "1 mon",
        "720:00:00",
        "29 days",
        "1 mon -1 day",
        "1 day",
        "24:00:00",
        "0",
        "1 mon -30 days",
        "-1 mon",
        "-30 days",
        "178000000 years",
        "178956970 years",
        "1 year",
        "12 mons",
        "360 days",
        "0.000001 s",
    ),
    "uuid": ("00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
    "jsonb": ('{"a": 1.0}', '{"a": 1.00}', "1", "1.0", "[1, null]", '"1"', "null"),
    "bit(3)": ("101", "000"),
    "bit varying": ("", "0", "00", "101"),
    "inet": ("10.0.0.1", "10.0.0.1/32", "10.0.0.1/8", "10.0.0.0/8", "::1", "::1/128", "::/0"),
    "cidr": ("10.0.0.0/8", "::/0"),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "tsvector": ("a:1A b", "a:1 b", "b a", ""),
    "tsquery": ("a & b", "b & a", "a | b", "a & b & a", "!a", "a <-> b", "a:*", "a:A", ""),
    "pg_lsn": ("0/1", "FF/FF"),
    "tid": ("(0,1)", "(1,0)"),
    "oidvector": ("1 2", "", "4294967295"),
    "int2vector": ("1 2", ""),
    "int4range": ("[1,5)", "[1,4]", "empty", "(,3)"),
    "int8range": ("[1,5)", "empty"),
    "numrange": ("[1.0,2)", "[1.00,2.0)", "empty", "(1,1]"),
    "daterange": ("[2020-01-01,2020-02-01)", "[2020-01-01,2020-01-31]", "(,infinity)"),
    "tsrange": ("[2020-01-01,)", "(,2020-01-01]"),
    "tstzrange": ("[2020-01-01 00:00+00,)", "[2020-01-01 01:00+01,)"),
    "int4multirange": ("{[1,2),[2,4)}", "{[1,4)}", "{}"),
    "int8multirange": ("{[1,2)}",),
    "nummultirange": ("{[1.0,2)}", "{[1.00,2)}"),
    "datemultirange": ("{[2020-01-01,2020-02-01)}",),
    "tsmultirange": ("{[2020-01-01,)}",),
    "tstzmultirange": ("{[2020-01-01 00:00+00,)}",),
    "regclass": ("public.seen", "pg_class"),
    "regcollation": ('"C"', '"default"'),
    "regconfig": ("english", "simple"),
    "regdictionary": ("simple",),
    "regnamespace": ("public", "pg_catalog"),
    "regoper": ("pg_catalog.||/", "!!"),
    "regoperator": ("+(integer,integer)", "+(bigint,bigint)"),
    # Two functions of one name: as names they would be one key.
    "regproc": ("now", "public.seen()::regprocedure::oid", "public.seen(int)::regprocedure::oid"),
    "regprocedure": ("public.seen()", "public.seen(integer)"),
    "regrole": ("pg_monitor",),
    "regtype": ("integer", "public.mood"),
    "hstore": ("a=>1,b=>2", "b=>2,a=>1", "a=>NULL", ""),
    "citext": ("a", "A", "b", "ß"),
    "ltree": ("a.b", "A.b", ""),
    "cube": ("(1,2)", "(1,2),(1,2)", "(-0)", "(0)", "(0.1)", "(0.10000000000000002)"),
    "seg": ("1", "1.0", "1.00", "~1", "1..2"),
    "isbn13": ("978-0-393-04002-9",),
    "isbn": ("978-0-393-04002-9",),
    "ismn13": ("979-0-2600-0043-8",),
    "ismn": ("M-2600-0043-8",),
    "issn13": ("977-1436-452-00-8",),
    "issn": ("1436-4522",),
    "upc": ("220356483481",),
    "ean13": ("978-0-393-04002-9", "9780393040029"),
    "mood": ("ok", 'so "so"'),
    "pair": ("(1,1.0)", "(1,1.00)", "(1,)", "(,)"),
    "floats": ("(-0)", "(0)", "(0.1)", "(0.10000000000000002)"),
    "pace": ('("30 days",12:00+01)', '("1 mon",12:00+01)', '("1 mon",11:00+00)'),
    "floatrange": ("[-0,1)", "[0,1)", "[0,1.0000000000000002)"),
    "pacerange": ('["30 days",)', '["1 mon",)'),
    "floatmultirange": ("{[-0,1)}", "{[0,1)}"),
    "pacemultirange": ('{["30 days",)}', '{["1 mon",)}'),
    "price": ("1.5", "1.50"),
    "amount": ("1.0", "1.00"),
    "span": ("30 days", "1 mon", "1 mon -1 day", "29 days"),
    "address": ("a", "A"),
    "spans": ('{"30 days"}', '{"1 mon"}', "{}"),
    "place": ("public.seen", "pg_class"),
    "integer[]": ("{1,2}", "{}", "{1,NULL}"),
    "text[]": ("{a}", "{A}", '{"NULL",NULL}'),
    "numeric[]": ("{1.0}", "{1.00}", "{1}"),
    "numeric(6,2)[]": ("{1.5}", "{1.50}"),
    "real[]": ("{-0}", "{0}", "{NaN,NULL}"),
    "double precision[]": ("{-0,1}", "{0,1}", "{NULL}"),
    "interval[]": ('{"30 days"}', '{"1 mon"}', '{"29 days"}', '{"1 mon -1 day"}'),
    "time with time zone[]": ("{12:00+01}", "{11:00+00}"),
    "timestamp with time zone[]": ("{infinity}", '{"2026-03-29 02:30+02"}'),
    "character(3)[]": ("{a}", '{"a "}', "{ab}"),
    "bytea[]": ('{"\\\\x00"}',),
    "jsonb[]": ('{"1.0"}', '{"1.00"}'),
    "citext[]": ("{a}", "{A}"),
    "mood[]": ("{ok}",),
    "pair[]": ('{"(1,1.0)"}', '{"(1,1.00)"}'),
    "regclass[]": ("{pg_class,public.seen}", "{pg_proc}"),
    "price[]": ("{1.5}",),
    "place[]": ("{pg_class}", "{public.seen}"),
    "integer[][]": ("{{1,2},{3,4}}", "{1}"),
    "regclass[][]": ("{{pg_class}}",),
}
# May be keys by their operators, and no statement can make a value of them.
WITHOUT_VALUES = {"pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list"}
OBJECTS = """
    CREATE TABLE public.seen (x int);
    CREATE FUNCTION public.seen() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION public.seen(int) RETURNS int LANGUAGE sql AS 'SELECT 1'
"""


def value(kind: str, text: str) -> str:
    """SQL for a value of this type."""
    if text.endswith("::oid"):
        name = text.split("::", maxsplit=1)[0]
        return f"'{name}'::regprocedure::oid::{kind}"
    return "'" + text.replace("'", "''") + f"'::{kind}"
