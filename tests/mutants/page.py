"""What keeps the page answering whoever else asks, and its answers true."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_SLOW = "tests/acceptance/test_page_access.py::test_slow_downloads_keep_no_page_waiting_and_end"

MUTANTS = (
    Mutant(
        "slow downloads take every session that there is",
        "app/page/reader.py",
        'with _one_of(self._downloads, "downloads"), self.store(writes=writes) as store:',
        "with self.store(writes=writes) as store:",
        _SLOW,
    ),
    Mutant(
        "who takes nothing of a download keeps it for ever",
        "app/page/server.py",
        "self.stalled = self.loop.call_later(_STALL, self.transport.abort)",
        "self.stalled = None",
        _SLOW,
    ),
    Mutant(
        "a table's page takes a text of the table's name for a use of it",
        "app/page/uses.py",
        "return frozenset(names)",
        "return frozenset(names | ({('shop', 'orders')} if 'shop.orders' in report.sql else set()))",
        "tests/acceptance/test_page.py::test_a_table_knows_its_reports_however_they_name_it",
    ),
)
