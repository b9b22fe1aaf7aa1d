"""verify finds what differs, names it, and mends just that."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.verify import verify
from tests.support import targets
from tests.support.syncing import Lab

pytestmark = [pytest.mark.each_feed, pytest.mark.each_target(cases=1)]
ITEMS = """
CREATE TABLE item (
    id bigint PRIMARY KEY, name text, price numeric(10, 2), updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A synced table of 10,000 rows."""
    found = Lab(empty_db, tmp_path, [{"name": "public.item"}])
    found.run(ITEMS, "INSERT INTO item (id, name, price) SELECT g, 'i' || g, g FROM generate_series(1, 10000) AS g")
    found.track()
    found.sync()
    return found


def tamper(lab: Lab, *statements: str) -> None:
    """Change the published file behind everybody's back."""
    with targets.writing(lab.job) as file:
        for statement in statements:
            file.execute(statement)


def test_equal_sides_are_equal_also_when_the_file_is_behind(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'changed' WHERE id <= 10", "DELETE FROM item WHERE id > 9990")
    found = verify.verify(lab.job)
    assert found.equal
    assert [(table.rows_source, table.rows_file) for table in found.tables] == [(9990, 9990)]


def test_every_kind_of_difference_is_named(lab: Lab) -> None:
    tamper(
        lab,
        "UPDATE public.item SET name = 'x', price = 0 WHERE id = 5",
        "DELETE FROM public.item WHERE id = 7000",
        "INSERT INTO public.item (id, name) VALUES (20000, 'not there')",
        "INSERT INTO public.item SELECT * FROM public.item WHERE id = 9",
    )
    (table,) = verify.verify(lab.job).tables
    named = {(difference.key["id"], difference.kind, difference.columns) for difference in table.differences}
    assert named == {
        (5, "different", ("name", "price")),
        (7000, "missing", ()),
        (20000, "extra", ()),
        (9, "extra", ()),
    }
    assert (table.missing, table.extra, table.different) == (1, 2, 1)


def test_repair_mends_what_differs_and_the_other_file_does_not_bring_it_back(lab: Lab) -> None:
    tamper(lab, "UPDATE public.item SET name = 'x' WHERE id = 5", "DELETE FROM public.item WHERE id = 7000")
    assert not verify.verify(lab.job, repair=True).equal
    lab.assert_equal()
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = 1")
        lab.sync()
        lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_a_table_whose_key_has_another_name_in_the_file_is_compared_and_mended(lab: Lab) -> None:
    lab.specs[0]["rename_columns"] = {"id": "the id", "name": "id"}
    lab.sync()
    tamper(lab, 'UPDATE public.item SET price = 0 WHERE "the id" = 5000')
    (table,) = verify.verify(lab.job, repair=True).tables
    assert [(found.key, found.columns) for found in table.differences] == [({"the id": 5000}, ("price",))]
    assert verify.verify(lab.job).equal
