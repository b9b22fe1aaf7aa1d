"""Tables that a project's own functions make of events, in the run's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app.commands.product import ChangePrice, CreateProduct, DiscontinueProduct, RenameProduct
from app.domain import ids
from jobs.broker.server import EmbeddedBroker
from jobs.results import Run
from jobs.sessions import OpenSessions
from jobs.tracking import purge
from tests.support.shop import AT, Shop, eur, opened
from tests.support.syncing import Lab

LIST = """
from neaptide import Projection

products = Projection(
    "product_list",
    key={"id": "VARCHAR"},
    columns={"name": "VARCHAR", "price": "DECIMAL(12, 2)", "changes": "INTEGER"},
)


@products.on("ProductCreated")
def created(event, rows):
    rows.put(
        id=event.key,
        name=event.payload["product_name"],
        price=event.payload["unit_price"]["amount"],
        changes=0,
    )


@products.on("ProductRenamed")
def renamed(event, rows):
    rows.put(id=event.key, name=event.payload["product_name"], changes=rows.get(id=event.key)["changes"] + 1)


@products.on("ProductPriceChanged")
def priced(event, rows):
    price = event.payload["unit_price"]["amount"]
    rows.put(id=event.key, price=price, changes=rows.get(id=event.key)["changes"] + 1)


@products.on("ProductDiscontinued")
def gone(event, rows):
    rows.delete(id=event.key)
"""
BEGIN = 'begin="SELECT id::VARCHAR AS id, name, unit_price AS price, 0 AS changes FROM shop.products",\n)'


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with opened(shop_db) as found:
        yield found


@pytest.fixture
def lab(shop: Shop, tmp_path: Path) -> Lab:
    """The shop's products, followed by events, with the list of them as a projection."""
    (tmp_path / "projections.py").write_text(LIST)
    specs = [{"name": "shop.products", "feed": "events"}]
    found = Lab(shop.url, tmp_path, specs, events={"projections": "projections.py"})
    found.track()
    return found


def listed(lab: Lab) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute(
            "SELECT name, price::VARCHAR, changes FROM projections.product_list ORDER BY name"
        ).fetchall()


def synced(lab: Lab) -> Run:
    run = lab.sync()
    lab.assert_equal()
    return run


def creating(shop: Shop, sku: str) -> CreateProduct:
    return CreateProduct(at=AT, product_id=ids.new_id(), sku=sku, name=sku.title(), unit_price=eur("1.50"))


def follow(lab: Lab, shop: Shop, relay: Any = lambda: None) -> None:
    """A life of products, one run after each step, so that both files take their turns."""
    mug = creating(shop, "MUG")
    shop.handle(mug)
    relay()
    synced(lab)
    assert listed(lab) == [("Mug", "1.50", 0)]
    for turn in range(1, 5):
        shop.handle(
            RenameProduct(at=AT, product_id=mug.product_id, name=f"Mug {turn}"),
            ChangePrice(at=AT, product_id=mug.product_id, unit_price=eur(f"{turn}.00")),
        )
        if turn % 2:
            relay()
        synced(lab)
        relay()
        synced(lab)
        assert listed(lab) == [(f"Mug {turn}", f"{turn}.00", 2 * turn)]
    shop.handle(DiscontinueProduct(at=AT, product_id=mug.product_id))
    relay()
    for _ in range(2):
        synced(lab)
        assert listed(lab) == []
    assert not synced(lab).changed


def test_the_course_s_example_a_list_of_products(lab: Lab, shop: Shop) -> None:
    follow(lab, shop)


def test_the_same_by_way_of_a_broker_where_messages_come_twice(lab: Lab, shop: Shop, tmp_path: Path) -> None:
    from tests.integration.test_events_broker import relayed

    server = EmbeddedBroker(tmp_path / "nats")
    server.start()
    keep = OpenSessions()
    try:
        lab = replace(lab, broker_url=server.url(), keep=keep)
        follow(lab, shop, lambda: relayed(lab))
    finally:
        keep.close()
        server.stop()


def test_an_event_that_comes_twice_or_after_a_newer_one_is_left(lab: Lab, shop: Shop) -> None:
    mug = creating(shop, "MUG")
    shop.handle(mug, RenameProduct(at=AT, product_id=mug.product_id, name="New"))
    synced(lab)
    row = {"name": "ProductRenamed", "aggregate": "product", "key": str(mug.product_id), "payload": "{}"}
    with lab.connect() as conn:
        for version, name in ((1, "Old"), (2, "Same"), (3, "Newer")):
            found = conn.execute("SELECT id FROM neaptide.outbox WHERE name = 'ProductRenamed'").fetchone()
            assert found is not None
            given = {**row, "version": version, "payload": json.dumps({"product_name": name})}
            given |= {"id": found[0]} if version == 2 else {}
            query = f"INSERT INTO neaptide.outbox ({', '.join(given)}) VALUES ({', '.join(['%s'] * len(given))})"
            conn.execute(query.encode(), list(given.values()))
            synced(lab)
            assert listed(lab) == [("New" if version < 3 else "Newer", "1.50", 1 if version < 3 else 2)]


def test_a_function_that_fails_keeps_no_table_back_and_is_tried_again_once_it_is_mended(lab: Lab, shop: Shop) -> None:
    shop.handle(creating(shop, "MUG"))
    synced(lab)
    path = lab.folder / "projections.py"
    path.write_text(LIST.replace("changes=0,\n    )", 'changes=0,\n    )\n    raise ValueError("no such thing")'))
    jar = creating(shop, "JAR")
    shop.handle(jar)
    for turn in range(2):
        run = synced(lab)
        assert any("product_list stays as it is: ProductCreated" in one for one in run.warnings), run.warnings
        assert listed(lab) == [("Mug", "1.50", 0)]
        shop.handle(creating(shop, f"MORE-{turn}"))
    synced(lab)
    # What fails is not tried again and again while nothing else changes.
    assert not synced(lab).changed
    path.write_text(LIST)
    for _ in range(2):
        synced(lab)
        assert [name for name, *_ in listed(lab)] == ["Jar", "More-0", "More-1", "Mug"]
        shop.handle(ChangePrice(at=AT, product_id=jar.product_id, unit_price=eur("2")))


def test_a_file_that_cannot_be_loaded_leaves_the_tables_as_they_are(lab: Lab, shop: Shop) -> None:
    shop.handle(creating(shop, "MUG"))
    synced(lab)
    (lab.folder / "projections.py").write_text("import nothing_of_that_name")
    shop.handle(creating(shop, "JAR"))
    run = synced(lab)
    assert any("projections.py can't be loaded: ModuleNotFoundError" in one for one in run.warnings)
    assert listed(lab) == [("Mug", "1.50", 0)]


@pytest.mark.parametrize("begin", [False, True], ids=["without", "with a SELECT"])
def test_events_that_were_purged_before_it_read_them(lab: Lab, shop: Shop, begin: bool) -> None:
    if begin:
        (lab.folder / "projections.py").write_text(LIST.replace('"INTEGER"},\n)', '"INTEGER"},\n    ' + BEGIN))
    shop.handle(creating(shop, "MUG"))
    synced(lab)
    shop.handle(creating(shop, "JAR"))
    brief = replace(lab, sync_options={"tombstone_retention": timedelta(0)})
    assert purge.purge(brief.job).gone > 0
    run = synced(lab)
    if begin:
        assert [name for name, *_ in listed(lab)] == ["Cup", "Jar", "Mug", "Tea"]
    else:
        assert any("has missed events" in one for one in run.warnings)
        assert [name for name, *_ in listed(lab)] == ["Mug"]
    shop.handle(creating(shop, "POT"))
    for _ in range(2):
        synced(lab)
        assert "Pot" in [name for name, *_ in listed(lab)]


def test_another_shape_begins_anew_and_one_that_left_takes_its_table_with_it(lab: Lab, shop: Shop) -> None:
    shop.handle(creating(shop, "MUG"))
    synced(lab)
    path = lab.folder / "projections.py"
    path.write_text(LIST.replace("DECIMAL(12, 2)", "DECIMAL(14, 4)"))
    synced(lab)
    assert listed(lab) == [("Mug", "1.5000", 0)]
    path.write_text("")
    synced(lab)
    with pytest.raises(duckdb.CatalogException):
        listed(lab)


def test_all_copied_anew_keeps_what_was_made_of_events_that_are_gone(lab: Lab, shop: Shop) -> None:
    shop.handle(creating(shop, "MUG"))
    for _ in range(2):
        synced(lab)
    brief = replace(lab, sync_options={"tombstone_retention": timedelta(0)})
    purge.purge(brief.job)
    for _ in range(2):
        lab.sync(full=True)
        assert listed(lab) == [("Mug", "1.50", 0)]
