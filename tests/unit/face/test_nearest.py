"""The tables that somebody may have meant."""

from __future__ import annotations

import pytest

from app import nearest

KNOWN = (
    "public.film",
    "public.film_actor",
    "public.unl",
    "sales.payment",
    'public."dotted.name"',
    "public.Order Details",
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("flim", ["public.film"]),
        ("public.flim", ["public.film"]),
        ("sales.film", ["public.film"]),
        ("FILM", ["public.film"]),
        ("payments", ["sales.payment"]),
        ("dotted.name", ['public."dotted.name"']),
        ("order details", ["public.Order Details"]),
        ("public.quite_another", []),
        ("", []),
        ('"', []),
    ],
)
def test_a_name_is_as_near_as_its_table_is_whatever_the_schema(name: str, found: list[str]) -> None:
    assert nearest.tables(name, KNOWN)[: len(found) or 3] == found


def test_where_none_is_near_the_next_step_is_told() -> None:
    assert nearest.hint("flim", KNOWN, "look") == "did you mean public.film?"
    assert nearest.hint("zzz", KNOWN, "look") == "look"
