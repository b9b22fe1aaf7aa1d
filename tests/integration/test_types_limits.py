"""What can't be kept follows its rule; nothing falls through; and tables of every size work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import pytest

from jobs import quoting
from jobs.types import column_plan
from tests.support import cluster, typelab


@pytest.fixture(scope="module")
def lab(postgres: cluster.Cluster) -> Iterator[typelab.Lab]:
    with typelab.laboratory(postgres) as found:
        yield found


class Misfit(NamedTuple):
    """A type, a value it shares with DuckDB's, and one it doesn't."""

    type: str
    good: str
    bad: str


MISFITS = [
    Misfit("numeric(5,2)", "1.50", "NaN"),
    Misfit("public.price", "1.50", "NaN"),
    Misfit("timestamp", "294247-01-10 04:00:54.775806", "294247-01-10 04:00:54.775807"),
    Misfit("timestamp", "infinity", "294247-01-10 04:00:54.775808"),
    Misfit("timestamp", "-infinity", "294276-12-31 23:59:59.999999"),
    Misfit("timestamptz", "infinity", "294247-01-10 04:00:54.775807+00"),
    Misfit("timestamptz", "294247-01-10 04:00:54.775806+00", "294276-12-31 23:59:59.999999+00"),
    Misfit("interval", "1 mon", "infinity"),
    Misfit("interval", "178956970 years", "-infinity"),
    Misfit("integer[]", "{1,2}", "{{1,2},{3,4}}"),
    Misfit("integer[]", "{}", "[0:1]={1,2}"),
    Misfit("text[]", "{a}", "{{a,b},{c,NULL}}"),
    Misfit("text[]", "{a}", "[2:2]={a}"),
    Misfit("public.list", "{1}", "{{1}}"),
    Misfit("public.mood[]", "{ok}", "{{ok}}"),
    Misfit("bytea[]", '{"\\\\x00"}', '{{"\\\\x00"}}'),
    Misfit("numeric(5,2)[]", "{1.50}", "{1.50,NaN}"),
    Misfit("public.price[]", "{1.50,NULL}", "{NaN}"),
    Misfit("timestamptz[]", "{infinity}", "{NULL,294276-12-31}"),
    Misfit("timestamp[]", "{}", "{294276-12-31}"),
    Misfit("interval[]", "{1 day}", "{infinity}"),
]


def _names(value: Misfit) -> str:
    return f"{value.type} {value.bad}"


def _copied(lab: typelab.Lab, plan: column_plan.ColumnPlan) -> list[object]:
    lab.copy("public.t", [lab.plans("public.t")[0], plan])
    return [row[0] for row in lab.duckdb.execute("SELECT CAST(v AS VARCHAR) FROM copy ORDER BY n").fetchall()]


def _v(
    lab: typelab.Lab, rule: column_plan.Rule | None = None, on_value: column_plan.Rule | None = None
) -> column_plan.ColumnPlan:
    return column_plan.plan_column(lab.columns("public.t")[1], rule, on_value)


@pytest.mark.parametrize("misfit", MISFITS, ids=_names)
def test_a_value_that_cannot_be_kept_is_found_and_only_that(lab: typelab.Lab, misfit: Misfit) -> None:
    lab.make(misfit.type, [misfit.good, misfit.bad])
    rows = lab.postgres.execute(f"SELECT coalesce({_v(lab).lossy_sql}, false) FROM public.t ORDER BY n").fetchall()
    assert rows == [(False,), (True,), (False,)]


@pytest.mark.parametrize("misfit", MISFITS, ids=_names)
def test_a_value_that_cannot_be_kept_stops_the_copy_by_default(lab: typelab.Lab, misfit: Misfit) -> None:
    lab.make(misfit.type, [misfit.good, misfit.bad])
    with pytest.raises(duckdb.Error, match="can't be kept"):
        _copied(lab, _v(lab))


@pytest.mark.parametrize("misfit", MISFITS, ids=_names)
def test_a_value_that_cannot_be_kept_becomes_null_where_the_rule_says_so(lab: typelab.Lab, misfit: Misfit) -> None:
    lab.make(misfit.type, [misfit.good])
    whole = _copied(lab, _v(lab))
    lab.make(misfit.type, [misfit.good, misfit.bad])
    plan = _v(lab, "null")
    assert _copied(lab, plan) == [whole[0], None, None]
    assert not plan.lossless


@pytest.mark.parametrize("misfit", MISFITS, ids=_names)
def test_a_value_that_cannot_be_kept_stays_as_text_where_the_rule_says_so(lab: typelab.Lab, misfit: Misfit) -> None:
    lab.make(misfit.type, [misfit.bad])
    spelled = [row[0] for row in lab.postgres.execute("SELECT v::text FROM public.t ORDER BY n")]
    assert _copied(lab, _v(lab, on_value="text")) == spelled


FITS = ["0", "-1.5", "12345678901234567890.123456789012345678"]


@pytest.mark.parametrize("kind", ["numeric", "numeric(60,18)"])
@pytest.mark.parametrize("bad", ["NaN", "100000000000000000000"])
def test_the_rule_decimal_makes_a_wide_number_a_decimal(lab: typelab.Lab, kind: str, bad: str) -> None:
    lab.make(kind, FITS)
    plan = _v(lab, "decimal")
    assert plan.duckdb_type == "DECIMAL(38,18)"
    lab.copy("public.t", [lab.plans("public.t")[0], plan])
    assert lab.duckdb.execute("SELECT v FROM copy WHERE n = 2").fetchone() == (
        lab.postgres.execute("SELECT v FROM public.t WHERE n = 2").fetchone()
    )
    lab.make(kind, [*FITS, bad])
    with pytest.raises(duckdb.Error, match="can't be kept"):
        _copied(lab, plan)
    assert _copied(lab, _v(lab, "decimal", "null"))[3] is None


def test_the_rule_decimal_does_not_round(lab: typelab.Lab) -> None:
    lab.make("numeric", ["0." + "0" * 18 + "1"])
    with pytest.raises(duckdb.Error, match="can't be kept"):
        _copied(lab, _v(lab, "decimal"))


def test_the_rule_double_rounds_and_refuses_what_a_double_cannot_reach(lab: typelab.Lab) -> None:
    lab.make("numeric", ["0.1", "NaN", "-Infinity", "0", "12345678901234567890"])
    assert _copied(lab, _v(lab, "double")) == ["0.1", "nan", "-inf", "0.0", "1.2345678901234567e+19", None]
    for far in ("1e400", "-1e400", "1e-400"):
        lab.make("numeric", [far])
        with pytest.raises(duckdb.Error, match="can't be kept"):
            _copied(lab, _v(lab, "double"))
        assert _copied(lab, _v(lab, "double", "null")) == [None, None]


def test_every_built_in_type_has_a_decided_plan_and_carries_null(lab: typelab.Lab) -> None:
    kinds = lab.postgres.execute(
        "SELECT format_type(t.oid, NULL) FROM pg_type AS t LEFT JOIN pg_type AS e ON e.typarray = t.oid"
        " WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm', 'e', 'd')"
        " AND coalesce(e.typtype, 'b') NOT IN ('c', 'p') AND t.typisdefined ORDER BY t.oid"
    ).fetchall()
    columns = ", ".join(f"c{place} {kind}" for place, (kind,) in enumerate(kinds))
    lab.postgres.execute("DROP TABLE IF EXISTS public.w")
    lab.postgres.execute(f"CREATE TABLE public.w (n integer, {columns})")  # type: ignore[arg-type]
    lab.postgres.execute("INSERT INTO public.w DEFAULT VALUES")
    plans = lab.plans("public.w")
    assert len(plans) > 150
    assert [plan.note for plan in plans if "unknown" in plan.note] == []
    lab.copy("public.w", plans)
    assert set(lab.duckdb.execute("SELECT * FROM copy").fetchall()[0]) == {None}


@pytest.mark.parametrize("name", ["pg_type", "pg_class", "pg_index", "pg_proc", "pg_trigger", "pg_rewrite"])
def test_postgresqls_own_catalogue_arrives(lab: typelab.Lab, name: str) -> None:
    """Real rows of its oddest types: pg_node_tree, aclitem[], oidvector, "char", xid."""
    rows = f"(SELECT ctid AS place, * FROM pg_catalog.{name} ORDER BY ctid LIMIT 300) AS found"
    view = (
        f"CREATE OR REPLACE VIEW public.{name} AS SELECT row_number() OVER (ORDER BY place) AS n, found.* FROM {rows}"
    )
    lab.postgres.execute(view)  # type: ignore[arg-type]
    plans = lab.compare(f"public.{name}")
    assert [plan.note for plan in plans if "unknown" in plan.note] == []


def test_pseudo_types_of_the_catalogue_arrive_as_text(lab: typelab.Lab) -> None:
    lab.postgres.execute("ANALYZE pg_catalog.pg_class")
    lab.copy("pg_catalog.pg_statistic", lab.plans("pg_catalog.pg_statistic"))
    where = "stavalues1 IS NOT NULL ORDER BY starelid, staattnum LIMIT 20"
    there = lab.postgres.execute(f"SELECT stavalues1::text FROM pg_catalog.pg_statistic WHERE {where}").fetchall()  # type: ignore[arg-type]
    assert lab.duckdb.execute(f"SELECT stavalues1 FROM copy WHERE {where}").fetchall() == there != []


def test_vectors_become_arrays_of_floats(lab: typelab.Lab) -> None:
    if lab.postgres.execute("SELECT FROM pg_extension WHERE extname = 'vector'").fetchone() is None:
        pytest.skip("this server has no pgvector")
    for kind, wanted in (
        ("vector(3)", "FLOAT[3]"), ("vector", "FLOAT[]"), ("halfvec(3)", "FLOAT[3]"), ("sparsevec", "VARCHAR"),
        ("vector[]", "VARCHAR[]"),
    ):  # fmt: skip
        value = {"sparsevec": "{1:0.1}/3", "vector[]": '{"[1,2]"}'}.get(kind, "[0.1,-2,1e-5]")
        lab.make(f"public.{kind}", [value])
        assert lab.compare()[1].duckdb_type == wanted


@pytest.mark.long
def test_a_table_of_1600_columns_arrives(lab: typelab.Lab) -> None:
    kinds = ["boolean", "smallint", "date", "integer", "text", "numeric(5,2)", "timestamptz", "integer[]"]
    columns = ", ".join(f'"Column {place}" {kinds[place % len(kinds)]}' for place in range(1599))
    lab.postgres.execute(f"DROP TABLE IF EXISTS public.wide; CREATE TABLE public.wide (n integer, {columns})")  # type: ignore[arg-type]
    lab.postgres.execute("INSERT INTO public.wide (n) VALUES (0)")
    lab.postgres.execute('INSERT INTO public.wide (n, "Column 0", "Column 1598") VALUES (1, true, %s)', ("infinity",))
    plans = lab.plans("public.wide")
    lab.copy("public.wide", plans)
    rows = lab.duckdb.execute("SELECT * FROM copy ORDER BY n").fetchall()
    assert len(plans) == 1600
    assert [value for value in rows[0] if value is not None] == [0]
    assert [value for value in rows[1] if value is not None] == [1, True, rows[1][1599]]


def test_an_empty_table_arrives_with_its_columns(lab: typelab.Lab) -> None:
    lab.postgres.execute("DROP TABLE IF EXISTS public.nothing; CREATE TABLE public.nothing (n integer, v numeric[])")
    lab.compare("public.nothing")
    assert lab.duckdb.execute("SELECT count(*) FROM copy").fetchone() == (0,)


@pytest.mark.long
def test_a_value_of_20_megabytes_arrives(lab: typelab.Lab) -> None:
    lab.postgres.execute(
        "DROP TABLE IF EXISTS public.big; CREATE TABLE public.big (n integer, t text, b bytea, j jsonb)"
    )
    lab.postgres.execute(
        "INSERT INTO public.big SELECT 1, s, s::bytea, to_jsonb(s) FROM repeat('0123456789abcdefghi€', 1000000) AS s"
    )
    lab.copy("public.big", lab.plans("public.big"))
    digests = "md5(t), md5(b), octet_length(b), md5(j::text)"
    assert lab.duckdb.execute(
        "SELECT md5(t), md5(b), octet_length(b), md5(CAST(j AS VARCHAR)) FROM copy"
    ).fetchall() == (lab.postgres.execute(f"SELECT {digests} FROM public.big").fetchall())


def test_odd_names_of_columns_and_types_are_quoted(lab: typelab.Lab) -> None:
    names = ['"', "a.b", "Ä%s{v}", "select", "'", "x" * 63, " "]
    columns = ", ".join(f'{quoting.identifier(name)} public."My Type"' for name in names)
    lab.postgres.execute(f"DROP TABLE IF EXISTS public.odd; CREATE TABLE public.odd (n timestamp[], {columns})")  # type: ignore[arg-type]
    plans = lab.plans("public.odd")
    lab.copy("public.odd", plans)
    assert [row[0] for row in lab.duckdb.execute("DESCRIBE copy").fetchall()] == ["n", *names]
