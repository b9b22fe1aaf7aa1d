"""A model follows a column by whatever spelling its SELECT has for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.modellab import check, write
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

SELECTS = {
    "as it is": 'SELECT id, "Total", "a""b", "größe" FROM public.bill',
    "in another case": 'SELECT ID, total, "A""B", "größe" FROM public.bill',
    "of a table in another case": 'SELECT B.Id, b.TOTAL, b."a""B", b."größe" FROM Public.BILL AS b',
    "in a subquery": 'SELECT id, (SELECT max(TOTAL) FROM public.bill) AS most, "a""b", "größe" FROM public.bill',
    "in sums": 'SELECT "größe", sum(TOTAL) AS total, count("A""B") AS n FROM public.bill GROUP BY "größe"',
    "in a condition": 'SELECT id FROM public.bill WHERE TOTAL > 5 AND "A""b" IS NOT NULL',
    "by a natural join": "SELECT one.id FROM public.bill AS one NATURAL JOIN public.bill AS other",
    "by using": 'SELECT one.id FROM public.bill AS one JOIN public.bill AS other USING (TOTAL, "A""B", ID)',
    "from first": "SELECT id FROM public.bill WHERE EXISTS (FROM public.bill AS o WHERE o.TOTAL = bill.id + 10)",
}


@pytest.mark.few(1)
@pytest.mark.parametrize("what", SELECTS)
def test_a_column_is_followed_by_any_spelling(empty_db: str, tmp_path: Path, what: str) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.bill"}])
    lab.run(
        'CREATE TABLE bill (id int PRIMARY KEY, "Total" int, "a""b" text, "größe" text, updated_at timestamptz)',
        "INSERT INTO bill SELECT g, g, 'x', 'y' FROM generate_series(1, 40) AS g",
    )
    lab.track()
    write(lab, "model", SELECTS[what], "" if "sum" in what else "id")
    lab.sync()
    check(lab)
    for change in ('"Total" = "Total" + 10', '"a""b" = NULL', "\"größe\" = 'z'", "id = id + 100"):
        lab.run(f"UPDATE bill SET {change} WHERE id IN (SELECT min(id) FROM bill)")
        lab.sync()
        check(lab)


def test_a_model_sees_what_the_file_holds(empty_db: str, tmp_path: Path) -> None:
    """Renamed, masked and filtered, by a pattern, while rows pass the filter in both directions."""
    specs = [
        {
            "name": "src.bill", "rename": "shop.invoice", "rename_columns": {"buyer": "customer"},
            "where": "total < 100", "mask": {"note": "hash"}, "exclude_columns": ["secret"],
        },
        {"name": "src.line*", "rename": "parts.*"},
    ]  # fmt: skip
    lab = Lab(empty_db, tmp_path, specs, sync_options={"mask_key": "sixteen characters and more"})
    lab.run(
        "CREATE SCHEMA src",
        "CREATE TABLE src.bill (id int PRIMARY KEY, buyer int, total int, note text, secret text)",
        "ALTER TABLE src.bill ADD updated_at timestamptz",
        "CREATE TABLE src.line_a (id int PRIMARY KEY, bill int, amount numeric(9, 2), updated_at timestamptz)",
        "INSERT INTO src.bill SELECT g, g % 5, g * 4, 'note ' || g % 3, 's' FROM generate_series(1, 40) AS g",
        "INSERT INTO src.line_a SELECT g, g % 50, g FROM generate_series(1, 80) AS g",
    )
    lab.track()
    write(
        lab,
        "wide",
        "SELECT l.id, i.customer, i.note FROM parts.line_a l LEFT JOIN shop.invoice i ON i.id = l.bill",
        "id",
    )
    write(
        lab,
        "per_note",
        "SELECT note, max(total) AS most, count(DISTINCT customer) AS n FROM shop.invoice GROUP BY note",
    )
    write(lab, "per_customer", "SELECT customer, sum(total) AS total FROM shop.invoice GROUP BY customer")
    lab.sync()
    check(lab)
    for change in (
        "UPDATE src.bill SET total = 500 WHERE id < 6", "UPDATE src.bill SET total = 5 WHERE id > 35",
        "UPDATE src.bill SET note = 'other', secret = 't' WHERE id = 10", "DELETE FROM src.bill WHERE id IN (11, 40)",
        "UPDATE src.bill SET id = 200 WHERE id = 12", "UPDATE src.line_a SET bill = 200 WHERE id < 4",
    ):  # fmt: skip
        lab.run(change)
        lab.sync()
        check(lab)
