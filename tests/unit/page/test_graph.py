"""Where the boxes of models and tables stand."""

from __future__ import annotations

from app.page import graph


def test_a_model_stands_right_of_all_that_it_is_made_of() -> None:
    inputs = {"models.a": ("shop.x", "shop.y"), "models.b": ("models.a", "shop.x"), "models.c": ("models.b",)}
    found = graph.drawn(inputs)
    at = {one.name: one.x for one in found.boxes}
    assert all(at[one] < at[name] for name, made_of in inputs.items() for one in made_of)
    assert len({(one.x, one.y) for one in found.boxes}) == 5 and len(found.curves) == 5
    assert {one.name for one in found.boxes if one.model} == set(inputs)
    assert max(one.x for one in found.boxes) + 200 <= found.width


def test_without_models_there_is_nothing() -> None:
    assert graph.drawn({}).boxes == ()
