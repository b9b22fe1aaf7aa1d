"""A file of several sources that is damaged, written to by others, or made from another database: what is mended."""

from __future__ import annotations

import os
from collections.abc import Callable

import duckdb
import pytest

from jobs.verify import verify
from tests.support import cluster, several, strangers
from tests.support.several import Sources


def restored(two: Sources, postgres: cluster.Cluster, source: str) -> Sources:
    """The same, where one source is another database now, with other rows."""
    found = Sources(two.urls | {source: postgres.create_database()}, two.folder, two.specs)
    found.run(source, *several.ITEM, "DELETE FROM item WHERE id > 5")
    found.track()
    return found


@pytest.mark.long
@pytest.mark.parametrize("way", ["repair", "full"])
def test_another_database_under_one_name_is_refused_for_that_one_alone(
    two: Sources, postgres: cluster.Cluster, way: str
) -> None:
    two.sync()
    other = restored(two, postgres, "web")
    web = two.of_file("web")
    other.run("crm", "UPDATE item SET cents = 99")
    found = other.sync()
    assert [one.table for one in found.failed] == ["web.item"]
    assert "source web: the file was made from database" in (found.failed[0].error or "")
    other.assert_equal("crm")
    assert two.of_file("web") == web
    if way == "repair":
        assert not verify.verify(other.job, repair=True).equal
    else:
        other.sync(full=True)
    other.assert_equal()
    assert verify.verify(other.job).equal
    other.run("web", "INSERT INTO item VALUES (77, 'new')")
    assert not other.sync().failed
    other.assert_equal()


@pytest.mark.long
@pytest.mark.parametrize("source", ["crm", "web"])
def test_repair_mends_a_file_that_another_program_wrote_to(two: Sources, source: str) -> None:
    two.sync()
    with duckdb.connect(str(two.file.resolve())) as file:
        file.execute(f"UPDATE {source}.item SET name = 'not so' WHERE id = 5")
    found = verify.verify(two.job)
    assert {one.table: one.different for one in found.tables} == {"crm.item": 0, "web.item": 0} | {f"{source}.item": 1}
    found = verify.verify(two.job, repair=True)
    assert not found.equal
    assert {one.table: one.different for one in found.tables} == {"crm.item": 0, "web.item": 0} | {f"{source}.item": 1}
    two.assert_equal()
    assert verify.verify(two.job).equal


def zeroed(two: Sources) -> None:
    """The published file is no file of DuckDB's any more."""
    path = two.file.resolve()
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


def altered(two: Sources) -> None:
    """Another program wrote to it."""
    strangers.writes(two.file.resolve(), "DELETE FROM web.item WHERE id < 5")


def rotten(two: Sources) -> None:
    """Blocks of both files are not what was written, which shows once they are read."""
    for version in two.job.files.versions():
        seal, stat = version.path, version.path.stat()
        content = bytearray(seal.read_bytes())
        for at in range(20_000, len(content) - 100, 5_000):
            content[at] ^= 0xFF
        seal.chmod(0o600)
        seal.write_bytes(content)
        os.utime(seal, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.long
@pytest.mark.parametrize("damage", [zeroed, altered, rotten], ids=lambda how: how.__name__)
def test_a_damaged_file_is_built_anew_of_all_sources(two: Sources, damage: Callable[[Sources], None]) -> None:
    two.sync()
    for source in two.urls:
        two.run(source, "UPDATE item SET cents = 3 WHERE id = 1")
    two.sync()
    damage(two)
    for source in two.urls:
        two.run(source, "UPDATE item SET cents = 4 WHERE id = 1", "DELETE FROM item WHERE id = 10")
    two.sync()
    two.assert_equal()
    assert verify.verify(two.job).equal
    two.run("web", "UPDATE item SET cents = 5 WHERE id = 1")
    two.sync()
    two.assert_equal()
