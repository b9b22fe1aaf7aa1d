"""Small SELECTs and what their analysis says: which upkeep is exact, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import errors
from jobs.models import file
from jobs.models.analysis import scratch, select
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Analysis, Relation

TABLES = {
    "shop.customers": Relation(
        {"id": "INTEGER", "name": "VARCHAR", "country": "VARCHAR", "user": "VARCHAR", "payload": "STRUCT(a INTEGER)"},
        ("id",),
    ),
    "shop.orders": Relation(
        {
            "id": "INTEGER", "customer_id": "INTEGER", "status": "ENUM('DOUBLE', 'open')",
            "placed_at": "TIMESTAMP WITH TIME ZONE", "total": "DECIMAL(14,2)", "weight": "DOUBLE", "span": "INTERVAL",
            "clock": "TIME WITH TIME ZONE", "big": "UHUGEINT",
        },
        ("id",),
    ),
    "shop.lines": Relation({"order_id": "INTEGER", "line_no": "INTEGER", "amount": "INTEGER"}, ("order_id", "line_no")),
    "public.notes": Relation({"id": "BIGINT", "text": "VARCHAR"}),
    'shop."Odd Name"': Relation({"Id": "INTEGER", "a b": "VARCHAR"}, ("Id",)),
    "models.active": Relation({"customer_id": "INTEGER", "month": "DATE"}, ("customer_id",)),
}  # fmt: skip
O_ = "FROM shop.orders o"
OC = f"{O_} JOIN shop.customers c ON c.id = o.customer_id"
OLC = f"{O_} LEFT JOIN shop.customers c ON c.id = o.customer_id"
NONE = ""

# The SELECT, the head's key, and what is kept by what.
KEPT = (
    (f"SELECT o.id, o.status {O_}", "id", "rows"),
    (f"SELECT id, -total AS total {O_} WHERE total > 1", "id", "rows"),
    ("SELECT O.ID FROM SHOP.Orders O", "Id", "rows"),
    ("SELECT shop.orders.id FROM shop.orders", "id", "rows"),
    ("SELECT id, text FROM notes", "id", "rows"),
    (f"SELECT o.id, c.name {OC}", "id", "rows"),
    (f"SELECT customer_id, max({{'at': o.placed_at, 'Id': o.id, 'n': 1}}) AS latest {O_} GROUP BY ALL", "", "groups"),
    (f"SELECT o.id, struct_pack(STATUS, t := total) AS pair {O_}", "id", "rows"),
    (f"SELECT 1 AS k, max(o.id) AS m {O_} GROUP BY ALL", "", "whole"),
    (f"SELECT 1 AS k, o.status, max(o.id) AS m {O_} GROUP BY ALL", "", "groups"),
    (f"SELECT o.id, c.name {OC}", "name", "rows"),
    (f"SELECT o.id, c.name {OLC}", "id", "rows"),
    (f"SELECT o.id {OLC} WHERE c.id IS NULL", "id", "rows"),
    (f"SELECT o.id, c.id AS c {O_} CROSS JOIN shop.customers c", "id, c", "rows"),
    (f"SELECT o.id, c.id AS c {O_}, shop.customers c WHERE c.id = o.customer_id", "id", "rows"),
    ("SELECT l.line_no, o.id, c.name FROM shop.lines l LEFT JOIN shop.orders o ON o.id = l.order_id "
     "LEFT JOIN shop.customers c ON c.id = o.customer_id", "line_no", "rows"),
    ("SELECT a.id, b.id AS other FROM shop.orders a JOIN shop.orders b ON b.customer_id = a.customer_id", "id", "rows"),
    ('SELECT "Id", "a b" AS x FROM shop."Odd Name"', "Id", "rows"),
    (f"SELECT o.id AS a, a + 1 AS b {O_}", "a", "rows"),
    (f"SELECT o.id, weight, span {O_}", "id", "rows"),
    ("SELECT c.id, user FROM shop.customers c", "id", "rows"),
    (f"SELECT id, age(placed_at, TIMESTAMPTZ '2020-01-01 00:00:00Z') AS a {O_}", "id", "rows"),
    ("SELECT id FROM shop.orders UNION ALL SELECT order_id FROM shop.lines", "id", "rows"),
    (f"SELECT id, 1 AS k {O_} UNION ALL SELECT order_id, 2 FROM shop.lines UNION ALL SELECT id, 3 {O_}", "id", "rows"),
    (f"SELECT o.id, CASE WHEN total BETWEEN 1 AND 2 THEN coalesce(status, 'open') END AS s {O_}", "id", "rows"),
    (f"SELECT DISTINCT customer_id {O_}", NONE, "groups"),
    (f"SELECT DISTINCT customer_id, status {O_}", "status", "groups"),
    (f"SELECT customer_id, max(total) AS m {O_} GROUP BY 1", NONE, "groups"),
    (f"SELECT customer_id, avg(total) AS m {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, count(DISTINCT status) AS m {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, count(DISTINCT weight) AS m {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, count(*) AS n {O_} GROUP BY ALL HAVING count(*) > 1", NONE, "groups"),
    (f"SELECT customer_id, sum(total) / 2 AS half {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, CAST(sum(total) AS DECIMAL(18, 1)) AS s {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, CAST(sum(total) AS DOUBLE) AS s {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, TRY_CAST(sum(id) AS TINYINT) AS s {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, count(*) AS n {O_} GROUP BY customer_id, status", NONE, "groups"),
    (f"SELECT customer_id, customer_id + 1 AS next, count(*) AS n {O_} GROUP BY customer_id", NONE, "groups"),
    (f"SELECT id, count(*) AS n {O_} GROUP BY id UNION ALL SELECT id, 1 {O_}", "id", "groups"),
    ("SELECT a.month, count(*) AS n FROM models.active a JOIN shop.orders o USING_ON", NONE, "groups"),
    (f"SELECT bool_and(total > 1) AS b, bit_or(id) AS o, status {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, max({{'at': placed_at, 'id': id}}) AS latest {O_} GROUP BY ALL", NONE, "groups"),
    (f"SELECT customer_id, count(*) AS n, sum(total) AS s {O_} GROUP BY ALL", NONE, "sums"),
    (f"SELECT customer_id, count(*) AS n {O_} GROUP BY ALL", "customer_id", "sums"),
    (f"SELECT status, sum(total) FILTER (id > 3) AS s, count(id) FILTER (id > 1) AS n {O_} GROUP BY 1", NONE, "sums"),
    (f"SELECT CAST(placed_at AS DATE) AS day, count(*) AS n {O_} GROUP BY day", NONE, "sums"),
    (f"SELECT CAST(placed_at AS DATE) AS day, c.country, count(*) AS n {OC} GROUP BY ALL", "day", "sums"),
    (f"SELECT c.country, count(*) AS n, count(c.id) AS there {OLC} GROUP BY ALL", NONE, "sums"),
    (f"SELECT 7 AS c, status, count(*) AS n {O_} GROUP BY c, status", NONE, "sums"),
    (f"SELECT customer_id, CAST(sum(total) AS DECIMAL(18, 2)) AS s, CAST(sum(id) AS BIGINT) AS i {O_} GROUP BY ALL",
     NONE, "sums"),
    (f"SELECT count(*) AS n {O_}", NONE, "sums"),
    (f"SELECT count(*) AS n {O_} GROUP BY ()", NONE, "sums"),
    ("SELECT month, count(*) AS n FROM models.active GROUP BY month", NONE, "sums"),
    (f"SELECT o.id {O_}", NONE, "whole"),
    ("SELECT 1 AS x", "x", "whole"),
    (f"SELECT max(total) AS m {O_}", NONE, "whole"),
    (f"SELECT o.id {O_} WHERE o.id IN (SELECT order_id FROM shop.lines)", "id", "whole"),
    (f"SELECT o.id, (SELECT count(*) FROM shop.lines l WHERE l.order_id = o.id) AS n {O_}", "id", "whole"),
    (f"SELECT o.id {O_} WHERE EXISTS (SELECT * FROM shop.lines l WHERE l.order_id = o.id)", "id", "whole"),
    (f"WITH x AS (SELECT o.id {O_}) SELECT x.id FROM x", "id", "whole"),
    (f"WITH orders AS (SELECT o.id {O_}) SELECT id FROM orders", "id", "whole"),
    ("WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT x FROM r", "x", "whole"),
    (f"SELECT s.id FROM (SELECT id {O_}) s", "id", "whole"),
    (f"SELECT o.id, rank() OVER (ORDER BY total) AS r {O_}", "id", "whole"),
    (f"SELECT o.id, sum(total) OVER (PARTITION BY status) AS r {O_}", "id", "whole"),
    (f"SELECT o.id {O_} QUALIFY rank() OVER (ORDER BY total) = 1", "id", "whole"),
    (f"SELECT o.id, c.name {O_} FULL JOIN shop.customers c ON c.id = o.customer_id", "id", "whole"),
    (f"SELECT o.id, c.name {O_} RIGHT JOIN shop.customers c ON c.id = o.customer_id", "id", "whole"),
    (f"SELECT o.id {O_} SEMI JOIN shop.customers c ON c.id = o.customer_id", "id", "whole"),
    ("SELECT o.id FROM shop.orders o JOIN shop.customers USING (id)", "id", "whole"),
    ("SELECT q.x FROM shop.lines AS q(x, y)", "x", "whole"),
    (f"SELECT o.id, c.id AS c {OLC}", "c", "whole"),
    (f"SELECT c.name, max(o.total) AS m {OLC} GROUP BY c.name", NONE, "whole"),
    (f"SELECT o.id {OLC} JOIN shop.lines l ON l.order_id = c.id", "id", "whole"),
    (f"SELECT o.id {OLC} LEFT JOIN shop.lines l ON l.order_id IS NOT DISTINCT FROM c.id", "id", "whole"),
    ("SELECT o.id FROM shop.lines l LEFT JOIN (shop.orders o JOIN shop.customers c ON c.id = o.id) ON l.order_id = 1",
     "id", "whole"),
    (f"SELECT status, count(*) AS n {O_} GROUP BY ROLLUP (status)", "status", "whole"),
    (f"SELECT customer_id, count(*) AS n {O_} GROUP BY customer_id", "n", "whole"),
    (f"SELECT customer_id, id, count(*) AS n, id + 1 AS k {O_} GROUP BY customer_id, id", "k", "whole"),
    (f"SELECT count(*) AS n {O_} GROUP BY status", NONE, "whole"),
    (f"SELECT id {O_} UNION SELECT order_id FROM shop.lines", "id", "whole"),
    (f"SELECT id {O_} EXCEPT ALL SELECT order_id FROM shop.lines", "id", "whole"),
    (f"SELECT id {O_} UNION ALL SELECT id FROM notes", "id", "whole"),
    (f"SELECT id {O_} ORDER BY id", "id", "whole"),
    (f"SELECT unnest([id, 1]) AS u {O_}", "u", "whole"),
    (f"SELECT id, list_transform([id], lambda y: y + 1) AS l {O_}", "id", "whole"),
    ("SELECT c.id, c.payload.a FROM shop.customers c", "id", "whole"),
)  # fmt: skip

# The SELECT and a piece of the reason why it is none.
REFUSED = (
    (f"SELECT status, count(*) AS Neaptide_Rows {O_} GROUP BY ALL", "Neaptide_Rows is called like one of Neaptide's"),
    (f"SELECT id, (id, total) AS pair {O_}", "pair is a STRUCT(INTEGER, DECIMAL(14,2)), which no table can hold"),
    (f"SELECT id, now() AS t {O_}", "now() gives another value"),
    (f"SELECT id, current_date AS t {O_}", "current_date gives another value"),
    (f"SELECT id, CURRENT_TIMESTAMP AS t {O_}", "current_timestamp gives another value"),
    (f"SELECT id, today() AS t {O_}", "today() gives another value"),
    (f"SELECT id {O_} WHERE placed_at > get_current_timestamp()", "another value"),
    (f"SELECT id, ago(INTERVAL 1 DAY) AS t {O_}", "ago() gives another value"),
    (f"SELECT id, random() AS r {O_}", "random() gives another value"),
    (f"SELECT id, uuid() AS r {O_}", "uuid() gives another value"),
    (f"SELECT id, age(placed_at) AS a {O_}", "age() gives another value"),
    (f"SELECT id, current_setting('TimeZone') AS a {O_}", "current_setting() gives another value"),
    (f"SELECT id, getvariable('x') AS a {O_}", "getvariable() gives another value"),
    (f"SELECT id, nextval('x') AS a {O_}", "nextval() gives another value"),
    (f"SELECT id, version() AS a {O_}", "version() is not known"),
    (f"SELECT id, list_distinct([id]) AS a {O_}", "list_distinct() is not known"),
    (f"SELECT geomean(total) AS a {O_}", "geomean() is not known"),
    (f"SELECT user {O_}", "user is no column of an input"),
    ("WITH x AS (SELECT c.user FROM shop.customers c) SELECT user FROM x", "user may be no column"),
    (f"SELECT o.rowid AS r {O_}", "rowid is no column"),
    (f"SELECT id {O_} LIMIT 3", "LIMIT"),
    (f"SELECT id {O_} ORDER BY id LIMIT 3", "LIMIT"),
    (f"SELECT id {O_} WHERE id = (SELECT order_id FROM shop.lines LIMIT 1)", "LIMIT"),
    (f"SELECT id {O_} USING SAMPLE 10", "a sample is a draw"),
    ("SELECT id FROM shop.orders TABLESAMPLE 10%", "a sample is a draw"),
    (f"SELECT o.id {O_}, range(3)", "range() in FROM is no table"),
    ("SELECT a FROM read_csv('x.csv') AS t(a)", "read_csv() in FROM is no table"),
    ("SELECT a FROM 'x.csv'", "no table or model x.csv"),
    (f"SELECT id, row_number() OVER (ORDER BY total) AS r {O_}", "row_number()"),
    (f"SELECT id, lag(id) OVER (ORDER BY total) AS r {O_}", "lag()"),
    (f"SELECT id, first_value(id) OVER (ORDER BY total) AS r {O_}", "first_value()"),
    (f"SELECT id, ntile(2) OVER (ORDER BY total) AS r {O_}", "ntile()"),
    (f"SELECT id, sum(id) OVER (ORDER BY total ROWS UNBOUNDED PRECEDING) AS r {O_}", "over a frame"),
    (f"SELECT id, sum(weight) OVER () AS r {O_}", "sum() of a DOUBLE"),
    (f"SELECT id {O_} QUALIFY row_number() OVER (ORDER BY total) = 1", "row_number()"),
    (f"SELECT status, sum(weight) AS s {O_} GROUP BY ALL", "sum() of a DOUBLE"),
    (f"SELECT status, avg(weight) AS s {O_} GROUP BY ALL", "avg() of a DOUBLE"),
    (f"SELECT status, sum(CAST(total AS FLOAT)) AS s {O_} GROUP BY ALL", "sum() of a FLOAT"),
    (f"SELECT status, sum(big) AS s {O_} GROUP BY ALL", "sum() of a UHUGEINT"),
    (f"SELECT status, avg(span) AS s {O_} GROUP BY ALL", "avg() of a INTERVAL"),
    (f"SELECT status, count(*) AS n {O_} GROUP BY ALL HAVING sum(weight) > 1", "sum() of a DOUBLE"),
    (f"SELECT id, (SELECT sum(x.weight) FROM shop.orders x) AS s {O_}", "sum() of a DOUBLE"),
    (f"SELECT id, (SELECT sum(o.weight + l.line_no) FROM shop.lines l) AS s {O_}", "types in a subquery"),
    (f"WITH x AS (SELECT sum(weight) AS s {O_}) SELECT s FROM x", "sum() of a DOUBLE"),
    (f"WITH x AS (SELECT weight AS w {O_}) SELECT sum(w) AS s FROM x", "sum() of a DOUBLE"),
    (f"SELECT max(weight) AS s {O_}", "max() of a DOUBLE"),
    (f"SELECT min(span) AS s {O_}", "min() of a INTERVAL"),
    (f"SELECT min(clock) AS s {O_}", "min() of a TIME WITH TIME ZONE"),
    (f"SELECT max([weight]) AS s {O_}", "max() of a DOUBLE[]"),
    (f"SELECT weight, count(*) AS n {O_} GROUP BY ALL", "is a DOUBLE"),
    (f"SELECT span, count(*) AS n {O_} GROUP BY 1", "is a INTERVAL"),
    (f"SELECT total / 2 AS half, count(*) AS n {O_} GROUP BY half", "is a DOUBLE"),
    (f"SELECT DISTINCT clock {O_}", "clock is a TIME WITH TIME ZONE"),
    (f"SELECT weight {O_} UNION SELECT weight {O_}", "weight is a DOUBLE"),
    (f"SELECT weight {O_} EXCEPT ALL SELECT weight {O_}", "weight is a DOUBLE"),
    (f"SELECT any_value(id) AS a, status {O_} GROUP BY ALL", "any_value() may depend on the order"),
    (f"SELECT first(id) AS a, status {O_} GROUP BY ALL", "first() may depend on the order"),
    (f"SELECT string_agg(status, ',') AS a {O_}", "string_agg() may depend on the order"),
    (f"SELECT list(id) AS a {O_}", "list() may depend on the order"),
    (f"SELECT arg_max(id, total) AS a {O_}", "arg_max() may depend on the order"),
    (f"SELECT median(total) AS a {O_}", "median() may depend on the order"),
    (f"SELECT max(id, 2) AS a {O_}", "more than one argument"),
    (f"SELECT * {O_}", "*: a new column"),
    (f"SELECT o.* {O_}", "*: a new column"),
    (f"SELECT COLUMNS('id') {O_}", "*: a new column"),
    ("FROM shop.orders", "*: a new column"),
    (f"SELECT x.id FROM (SELECT * {O_}) x", "*: a new column"),
    (f"SELECT DISTINCT ON (status) id {O_}", "DISTINCT ON"),
    (f"SELECT o.id {O_} ASOF JOIN shop.lines l ON o.id >= l.order_id", "ASOF JOIN"),
    (f"SELECT o.id {O_} POSITIONAL JOIN shop.lines l", "POSITIONAL JOIN"),
    (f"SELECT upper(status) AS status, count(*) AS n {O_} GROUP BY status", "status is a column of o and an item"),
    (
        f"SELECT status, max(total) AS total {O_} GROUP BY status HAVING total > 1",
        "total is a column of o and an item",
    ),
    (f"SELECT id {OC}", 'Ambiguous reference to column name "id"'),
    (f"SELECT o.idd {O_}", 'does not have a column named "idd"'),
    (f"SELECT o.id {O_} WHERE lower(o.status) COLLATE NOCASE = 'x'", "COLLATE"),
    (f"SELECT id {O_} WHERE id = $x", "no parameters"),
    (f"SELECT id {O_} WHERE id = ?", "no parameters"),
    ("SELECT id FROM shop.order", "no table or model shop.order"),
    ("SELECT id FROM other.shop.orders", "more than its schema"),
    ("SELECT id FROM neaptide.runs", "no table or model neaptide.runs"),
    ("PIVOT shop.orders ON status IN ('open') USING sum(total)", "*: a new column"),
    ("SHOW TABLES", "*: a new column"),
    ("DELETE FROM shop.orders", "no SELECT"),
    ("this is no SQL", "syntax error"),
    ("SELECT 1 AS a; SELECT 2 AS b", "2 statements"),
    (f"SELECT id, status AS ID {O_}", "two columns are called ID"),
)


@pytest.fixture(scope="module")
def known() -> Iterator[Scratch]:
    with scratch.opened(TABLES) as found:
        yield found


def analysed(known: Scratch, text: str, key: str = "", require: str = "") -> Analysis:
    head = (f"-- key: {key}\n" if key else "") + (f"-- require: {require}\n" if require else "")
    text = text.replace("USING_ON", "ON o.customer_id = a.customer_id GROUP BY a.month")
    return select.analyse(file.parse("m", head + text, where="models/m.sql"), known)


@pytest.mark.parametrize(("text", "key", "kind"), KEPT, ids=[text[:70] for text, _, _ in KEPT])
def test_the_cheapest_exact_upkeep(known: Scratch, text: str, key: str, kind: str) -> None:
    found = analysed(known, text, key)
    assert found.kind == kind, found.reason
    assert bool(found.reason) == (kind in ("groups", "whole"))
    assert bool(found.branches) == (kind != "whole")


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[text[:70] for text, _ in REFUSED])
def test_what_need_not_give_the_same_rows_is_an_error(known: Scratch, text: str, reason: str) -> None:
    with pytest.raises(errors.ModelError) as caught:
        analysed(known, text)
    assert reason in caught.value.message
    assert caught.value.message.startswith("models/m.sql:1: ")


def test_an_error_names_the_line_of_the_file(known: Scratch) -> None:
    text = "-- title: x\n\nSELECT o.id\nFROM shop.orders o\nWHERE {}\n"
    for condition in ("'ä' < 'ö' AND random() > 1", "nothing > 1", "o.id >"):
        with pytest.raises(errors.ModelError) as caught:
            select.analyse(file.parse("m", text.format(condition), where="models/m.sql"), known)
        assert caught.value.message.startswith("models/m.sql:5: ")


def test_a_key_is_one_of_the_columns(known: Scratch) -> None:
    with pytest.raises(errors.ModelError) as caught:
        analysed(known, f"SELECT id, status {O_}", "statu")
    assert "key: it has no column statu" in caught.value.message
    assert caught.value.hint == "did you mean status?"
    assert analysed(known, f"SELECT id, status {O_}", '"ID", status').key == ("id", "status")


def test_a_model_may_insist_on_being_kept_by_its_changes(known: Scratch) -> None:
    with pytest.raises(errors.ModelError, match="it can't be kept incrementally: ORDER BY"):
        analysed(known, f"SELECT id {O_} ORDER BY id", "id", "incremental")
    assert analysed(known, f"SELECT id {O_}", "id", "incremental").kind == "rows"


def test_the_text_reads_its_inputs_in_the_file_and_nothing_else(known: Scratch) -> None:
    found = analysed(
        known, f"WITH orders AS (SELECT id {O_}) SELECT orders.id FROM orders JOIN notes n ON n.id = orders.id"
    )
    assert found.text == (
        'WITH orders AS (SELECT id FROM "out".shop.orders AS o)SELECT orders.id FROM orders '
        'INNER JOIN "out".public.notes AS n ON ((n.id = orders.id))'
    )
    assert found.inputs == ("public.notes", "shop.orders")


def test_a_branch_names_each_column_with_its_input(known: Scratch) -> None:
    found = analysed(
        known, f"SELECT O.ID AS k, C.name AS n {OLC.replace(' c ', ' C ')} WHERE total > 1 AND name <> 'x'", "k"
    )
    (branch,) = found.branches
    assert [one.term.text for one in branch.outputs] == ["o.id", 'c."name"']
    assert [(one.alias, one.table, one.optional) for one in branch.occurrences] == [
        ("o", "shop.orders", False), ("c", "shop.customers", True),
    ]  # fmt: skip
    assert branch.occurrences[1].on[0].equal == (("c", "id"), ("o", "customer_id"))
    assert [sorted(term.refs) for term in branch.where] == [["o"], ["c"]]
    assert found.key_terms(branch)["k"].column == ("o", "id")


def test_sums_say_what_is_added_up(known: Scratch) -> None:
    text = (
        f"SELECT status, CAST(sum(total) FILTER (WHERE id > 1) AS DECIMAL(18, 2)) AS s, count(*) AS n {O_} GROUP BY ALL"
    )
    _, added, counted = analysed(known, text).branches[0].outputs
    assert added.aggregate and (added.aggregate.function, added.aggregate.argument) == ("sum", "o.total")
    assert added.aggregate.filter == "(o.id > 1)"
    assert counted.aggregate and (counted.aggregate.function, counted.aggregate.argument) == ("count_star", "")
    assert (added.type, counted.type) == ("DECIMAL(18,2)", "BIGINT")


@pytest.mark.parametrize(
    ("on", "counted", "unit"),
    [
        ("o.id = l.order_id", "o.id", ("order_id",)),
        ("o.id = l.order_id", "l.order_id", ("order_id",)),
        ("o.id = l.amount", "o.id", ("amount",)),
        ("o.id = l.order_id", "o.customer_id", None),
        ("o.id = l.order_id", "l.line_no", None),
        ("o.id = l.order_id", "o.id + 1", None),
        ("o.id >= l.order_id", "o.id", None),
        ("o.customer_id = l.order_id", "o.customer_id", None),
        # 1 and 01 are equal to 1, and are two texts.
        ("o.weight = l.order_id AND o.weight = o.id", "o.id", None),
    ],
)
def test_what_is_counted_once_is_the_key_of_a_parent(
    known: Scratch, on: str, counted: str, unit: tuple[str, ...] | None
) -> None:
    text = f"SELECT status, count(DISTINCT {counted}) AS n FROM shop.lines l JOIN shop.orders o ON {on} GROUP BY status"
    found = analysed(known, text)
    assert (found.kind, found.unit) == (("sums", unit) if unit else ("groups", ()))
    assert analysed(known, text.replace("JOIN", "LEFT JOIN")).kind != "sums"
