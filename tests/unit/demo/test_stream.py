"""The generated orders: the same ones each time, whatever was placed before, and none after the end."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from app.commands.command import Command
from app.commands.order import CancelOrder, PlaceOrder, ReturnItems, ShipOrder
from app.commands.payment import ProcessPayment
from app.demo import assortment, stream
from tests.support.cli import ROOT

_PRINT = "from app.demo import stream; print(*(repr(c) for k in range(40) for c in stream.order(k)), sep='\\n')"


def test_an_order_is_the_same_in_every_process() -> None:
    found = [_printed(seed) for seed in ("1", "2")]
    assert (
        found[0] == found[1] == "\n".join(repr(one) for position in range(40) for one in stream.order(position)) + "\n"
    )


def _printed(hash_seed: str) -> str:
    env = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", _PRINT], env=env, capture_output=True, text=True, check=True).stdout


def test_everything_happens_in_order_and_within_the_two_years() -> None:
    for position in range(300):
        times = [command.at for command in stream.order(position)]
        assert times == sorted(times)
        assert times[0] >= assortment.START and times[-1] < assortment.END


def test_ids_are_version_7_sort_by_time_and_never_repeat() -> None:
    placed = [
        command for position in range(300) for command in stream.order(position) if isinstance(command, PlaceOrder)
    ]
    assert len({one.order_id for one in placed}) == 300 and {one.order_id.version for one in placed} == {7}
    by_time = sorted(placed, key=lambda one: one.at)
    assert [one.at for one in sorted(placed, key=lambda one: one.order_id)] == [one.at for one in by_time]


def test_all_that_can_happen_to_an_order_happens() -> None:
    commands: list[Command] = [command for position in range(600) for command in stream.order(position)]
    kinds = Counter(type(command) for command in commands)
    assert kinds[PlaceOrder] == 600 and 480 < kinds[ShipOrder] < 570
    assert 15 < kinds[CancelOrder] < 70 and kinds[ReturnItems] > 15 and kinds[ProcessPayment] > 550


def test_no_order_has_a_product_after_the_news_of_its_end() -> None:
    ends = {one.id: one.after for one in assortment.products() if one.change == "discontinue"}
    assert ends
    for position in range(1200):
        placed = stream.order(position)[0]
        assert isinstance(placed, PlaceOrder)
        for item in placed.items:
            assert position < ends.get(item.product_id, position + 1)
