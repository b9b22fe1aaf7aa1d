from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.oltp import tables
from tests.support.shop import Shop, opened

TABLES = [table.name for table in tables.metadata.sorted_tables]
SENT = [None, datetime(1999, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)]


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with opened(shop_db) as found:
        found.place()
        yield found


def clock(shop: Shop) -> datetime:
    moment: datetime = shop.rows("SELECT clock_timestamp()")[0][0]
    return moment


def stamp(shop: Shop) -> datetime:
    moment: datetime = shop.rows("SELECT updated_at FROM shop.products WHERE sku = 'TEA'")[0][0]
    return moment


def test_a_hand_written_update_is_stamped(shop: Shop) -> None:
    before = clock(shop)
    shop.execute("UPDATE shop.products SET name = 'By hand' WHERE sku = 'TEA'")
    assert before < stamp(shop) < clock(shop)


@pytest.mark.parametrize("sent", SENT)
def test_a_stamp_the_client_sends_is_not_trusted(shop: Shop, sent: datetime | None) -> None:
    before = clock(shop)
    shop.execute("UPDATE shop.products SET updated_at = %s WHERE sku = 'TEA'", sent)
    assert before < stamp(shop) < clock(shop)
    before = clock(shop)
    shop.execute(
        "INSERT INTO shop.customers (id, reference, name, country, version, updated_at)"
        " VALUES (gen_random_uuid(), 'C-9', 'Hand', 'Peru', 1, %s)",
        sent,
    )
    [(stamped,)] = shop.rows("SELECT updated_at FROM shop.customers WHERE reference = 'C-9'")
    assert before < stamped < clock(shop)


def test_the_stamp_is_the_moment_of_writing_not_of_the_transactions_begin(shop: Shop) -> None:
    shop.execute(
        "UPDATE shop.products SET name = 'Late' WHERE sku = 'TEA' AND pg_sleep(0.05) IS NOT NULL;"
        "UPDATE shop.products SET name = now()::text WHERE sku = 'TEA'"
    )
    [(began, stamped)] = shop.rows("SELECT name::timestamptz, updated_at FROM shop.products WHERE sku = 'TEA'")
    assert stamped - began >= timedelta(seconds=0.05)


def test_every_table_has_the_stamp_and_its_index(shop: Shop) -> None:
    stamped = shop.rows(
        "SELECT tgrelid::regclass::text FROM pg_trigger"
        " WHERE tgfoid = 'shop.stamp_updated_at'::regproc AND tgtype = 23 AND tgenabled = 'A'"
    )  # 23: row, before, insert, update; A: always
    indexed = shop.rows("SELECT tablename FROM pg_indexes WHERE schemaname = 'shop' AND indexdef LIKE '%(updated_at)'")
    assert sorted(name for (name,) in stamped) == sorted(f"shop.{table}" for table in TABLES)
    assert sorted(name for (name,) in indexed) == sorted(TABLES)


def test_the_stamp_does_not_depend_on_the_sessions_search_path(shop: Shop) -> None:
    shop.execute(
        "CREATE SCHEMA trap; CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " RETURN timestamptz '1999-01-01 UTC'; SET search_path = trap, pg_catalog;"
        "UPDATE shop.products SET name = 'Trap' WHERE sku = 'TEA'"
    )
    assert stamp(shop).year > 1999
