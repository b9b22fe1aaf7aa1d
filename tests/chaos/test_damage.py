"""Reporting files damaged byte by byte: set aside, rebuilt, reported; never passed on in silence."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import opening
from jobs.engine import failures
from jobs.verify import verify
from tests.support import runs
from tests.support.bank import TABLES, Bank

pytestmark = pytest.mark.each_feed

HEADER, FIRST_BLOCK, BLOCK = 4096, 3 * 4096, 256 * 1024
Harm = Callable[[bytearray], None]


@pytest.fixture
def bank(empty_db: str, tmp_path: Path) -> Bank:
    """A bank whose file has many blocks of rows."""
    found = Bank.opened(empty_db, tmp_path)
    found.run("INSERT INTO move SELECT -g, 0, 0, random() * 1e15 FROM generate_series(1, 60000) AS g")
    found.run("UPDATE meter SET n = n")
    for _ in range(2):
        found.sync()
        found.run("UPDATE account SET balance = balance WHERE id = 1")
    return found


def flip(place: int) -> Harm:
    def harm(content: bytearray) -> None:
        content[place] ^= 1 << random.randrange(8)

    return harm


def cut(size: int) -> Harm:
    def harm(content: bytearray) -> None:
        del content[size:]

    return harm


def zero_block(number: int) -> Harm:
    def harm(content: bytearray) -> None:
        start = FIRST_BLOCK + number * BLOCK
        content[start : start + BLOCK] = bytes(len(content[start : start + BLOCK]))

    return harm


AT_OPENING = {
    "magic": flip(9),
    "version": flip(12),
    "cut to nothing": cut(0),
    "cut in the header": cut(HEADER + 100),
    "cut at the first block": cut(FIRST_BLOCK),
    "zeros": zero_block(0),
}
EVERY_HARM = [*AT_OPENING, "headers"]
THOROUGH = "NEAPTIDE_DAMAGES" in os.environ


def damage(path: Path, harm: Harm) -> None:
    """Change the bytes of a file, which stays the same inode."""
    content = bytearray(path.read_bytes())
    harm(content)
    path.write_bytes(content)


def damage_headers(path: Path) -> None:
    """Both headers: DuckDB opens the newer one."""
    damage(path, flip(HEADER + 20))
    damage(path, flip(2 * HEADER + 20))


def data_blocks(path: Path) -> list[int]:
    """The blocks that hold rows of `move`."""
    with duckdb.connect(":memory:") as conn:
        conn.execute(f"ATTACH '{path}' AS file (READ_ONLY)")
        conn.execute("USE file")
        found = conn.execute("SELECT DISTINCT block_id FROM pragma_storage_info('public.move') WHERE block_id >= 0")
        return [row[0] for row in found.fetchall()]


def digests(path: Path) -> dict[str, object]:
    """What each table holds: every value of every row is read for it."""
    with opening.open(path) as store:
        return {name: store.query(f"SELECT count(*), bit_xor(hash(t)) FROM {name} AS t").rows for name in TABLES}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", EVERY_HARM if THOROUGH else ["magic", "cut in the header", "zeros", "headers"])
def test_a_published_file_that_won_t_open_is_set_aside_and_built_anew(bank: Bank, name: str) -> None:
    published = bank.link.resolve()
    damage_headers(published) if name == "headers" else damage(published, AT_OPENING[name])
    with pytest.raises(errors.TargetUnusable) as caught, opening.open(bank.link) as store:
        store.query("SELECT sum(amount) FROM public.move")
    assert caught.value.hint
    bank.move()
    run = bank.sync()
    if name not in ("zeros",) or run.warnings:
        assert "damaged" in run.warnings[0]
        assert "set aside as" in run.warnings[0]
        assert (bank.folder / "reporting.damaged.duckdb").exists()
    bank.assert_equal()
    bank.move()
    assert not bank.sync().warnings
    bank.assert_equal()


def test_a_damaged_file_keeps_its_name_while_the_source_is_away(bank: Bank) -> None:
    """A file of which a part can be read is better than none."""
    damage_headers(bank.link.resolve())
    away = Bank("postgresql://nobody@127.0.0.1:1/none", bank.folder, bank.specs)
    for _ in range(2):
        with pytest.raises(errors.SourceUnavailable):
            away.sync()
        assert bank.link.exists()
    assert bank.sync().warnings
    bank.assert_equal()


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", ["spare", "work"])
@pytest.mark.parametrize("name", [*EVERY_HARM, "rows"] if THOROUGH else ["cut to nothing", "headers", "rows"])
def test_a_damaged_file_that_nobody_reads_is_replaced_without_a_word(bank: Bank, kind: str, name: str) -> None:
    files = bank.job.files
    if kind == "work":
        runs.killed_at(bank.job, "after_checkpoint")
    path = files.work if kind == "work" else bank.spare
    if name == "headers":
        damage_headers(path)
    elif name == "rows":
        for block in data_blocks(path):
            damage(path, zero_block(block))
    else:
        damage(path, AT_OPENING[name])
    bank.run("UPDATE move SET amount = 1 WHERE id = -30000", "DELETE FROM move WHERE id = -1")
    bank.sync()
    bank.assert_equal()
    bank.move()
    bank.sync()
    bank.assert_equal()


def test_verify_finds_damage_among_the_rows_and_mends_it(bank: Bank) -> None:
    bank.sync()
    for block in data_blocks(bank.link.resolve()):
        damage(bank.link.resolve(), flip(FIRST_BLOCK + block * BLOCK + 5000))
    with pytest.raises(errors.TargetUnusable) as read, opening.open(bank.link) as store:
        store.query("SELECT sum(amount) FROM public.move")
    assert read.value.hint
    with pytest.raises(failures.Damaged) as caught:
        verify.verify(bank.job)
    assert "checksum" in caught.value.message
    assert "verify --repair" in (caught.value.hint or "")
    code, err = bank.finished("verify")
    assert (code, "Traceback" in err) == (1, False)
    found = verify.verify(bank.job, repair=True)
    assert "damaged" in found.warnings[0]
    bank.assert_equal()
    assert verify.verify(bank.job).equal


def test_a_full_sync_heals_damage_among_the_rows(bank: Bank) -> None:
    bank.sync()
    for block in data_blocks(bank.link.resolve()):
        damage(bank.link.resolve(), zero_block(block))
    bank.sync(full=True)
    bank.assert_equal()
    assert verify.verify(bank.job).equal


def test_a_run_of_some_tables_never_replaces_a_damaged_file_by_a_part(bank: Bank) -> None:
    damage_headers(bank.link.resolve())
    with pytest.raises(failures.Damaged, match="damaged"):
        bank.sync(tables=["public.account"])
    assert bank.sync().warnings
    bank.assert_equal()


@pytest.mark.few(1)
@pytest.mark.parametrize("where", ["among the rows", "anywhere"])
def test_random_damage_is_always_found_or_harmless(bank: Bank, where: str) -> None:
    """Every block has a checksum of 64 bits, so what a flipped bit changes is never read as a value.

    Nothing here is up to chance: in a block of rows each flip is found, elsewhere it is found or changes nothing.
    """
    bank.sync()
    pristine, copy = bank.link.resolve(), bank.folder / "copy.duckdb"
    content, expected, blocks = pristine.read_bytes(), digests(pristine), data_blocks(pristine)
    for _ in range(int(os.environ.get("NEAPTIDE_DAMAGES", "25")) // 2):
        copy.write_bytes(content)
        in_rows = FIRST_BLOCK + random.choice(blocks) * BLOCK + random.randrange(BLOCK)
        place = in_rows if where == "among the rows" else random.randrange(len(content))
        damage(copy, flip(place))
        try:
            assert digests(copy) == expected, place
            assert where == "anywhere", place
        except errors.TargetUnusable as error:
            assert error.hint
