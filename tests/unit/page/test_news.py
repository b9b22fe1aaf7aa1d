"""Who listens to what happens: as many as can be served, however many ask at once."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

from app.page import news
from app.page.reader import Reader

BURST = news.MOST + 30


class Quiet:
    """A file that nothing happens to."""

    def last_run(self) -> dict[str, Any]:
        return {"run_id": "1", "as_of": "2026-01-01"}

    def name(self) -> str:
        return "reporting.duckdb"


class Client:
    """Asks, reads on until it is told to hang up."""

    def __init__(self, of: news.News) -> None:
        self._of, self._gone = of, asyncio.Event()
        self.code: int | None = None

    async def ask(self) -> None:
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": []}
        await news.Listening(self._of)(scope, self._receive, self._send)

    def hang_up(self) -> None:
        self._gone.set()

    async def _receive(self) -> MutableMapping[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        # As a server does that has to wait for the network.
        await asyncio.sleep(0)
        self.code = message.get("status", self.code)


async def _burst() -> tuple[list[int | None], int | None]:
    of = news.News(cast(Reader, Quiet()))
    clients = [Client(of) for _ in range(BURST)]
    asking = [asyncio.create_task(client.ask()) for client in clients]
    while any(client.code is None for client in clients):
        await asyncio.sleep(0)
    for client in clients:
        client.hang_up()
    await asyncio.gather(*asking)
    later = Client(of)
    task = asyncio.create_task(later.ask())
    while later.code is None:
        await asyncio.sleep(0)
    later.hang_up()
    await task
    return [client.code for client in clients], later.code


def test_a_burst_of_listeners_gets_no_more_places_than_there_are_and_each_is_given_back() -> None:
    codes, later = asyncio.run(_burst())
    assert sorted(code or 0 for code in codes) == [200] * news.MOST + [503] * (BURST - news.MOST)
    assert later == 200
