"""Random changes with runs in between: the histories are those of a model in plain Python, whatever happened."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from app import errors
from jobs.run import dual
from jobs.verify import verify
from tests.integration.test_history import MODES, made
from tests.support import runs, targets
from tests.support.cluster import Cluster
from tests.support.histories import KILLS, WRITES, Replay, seeded

WHICH = (*WRITES, "TRUNCATE {t}")


class Story:
    """What happens to one source and its file, drawn from a seed."""

    def __init__(self, replay: Replay, draw: random.Random) -> None:
        self.replay, self.lab, self.draw = replay, replay.lab, draw

    def write(self) -> None:
        """A few statements, into each table others."""
        for name in MODES:
            for _ in range(self.draw.randint(0, 3)):
                which = self.draw.choices(WHICH, [4] * 10 + [1])[0]
                a, b, n = (self.draw.randint(0, 9) for _ in range(3))
                self.lab.run(which.replace("{t}", name).format(a=a, b=b, n=n))

    def turn(self) -> None:
        """Something that brings the file up to date, or dies on the way."""
        kinds = {"sync": 6, "other": 3, "full": 1, "repair": 2, "killed": 4}
        if self.lab.job.settings.lake is None:
            kinds |= {"held": 1, "dual": 4}
        kind = self.draw.choices([*kinds], [*kinds.values()])[0]
        print(len(self.replay.attempts), kind)
        getattr(self, f"_{kind}")()

    def _sync(self) -> None:
        attempt = self.replay.begun()
        self.lab.sync(force_deletes=True)
        self.replay.note(attempt)

    def _other(self) -> None:
        """A run of another process."""
        keep, self.lab.keep = self.lab.keep, None
        self._sync()
        self.lab.keep = keep

    def _full(self) -> None:
        attempt = self.replay.begun()
        self.lab.sync(full=True)
        self.replay.note(attempt)

    def _held(self) -> None:
        """A reader has the file that is next."""
        if self.lab.job.files.spare is None:
            return self._sync()
        with duckdb.connect(str(self.lab.spare), read_only=True):
            self._sync()
        return None

    def _repair(self) -> None:
        """What no run was told of: a verify brings the file up to date first, then finds and mends it."""
        self._sync()
        attempt = self.replay.begun()
        verify.verify(self.lab.job)
        self.replay.note(attempt)
        self.lab.run("DELETE FROM stamped WHERE id = 4", "DELETE FROM neaptide.tombstone")
        attempt = self.replay.begun()
        verify.verify(self.lab.job, repair=True)
        self.replay.note(attempt, mark="repair")

    def _dual(self) -> None:
        """A command that writes to the source and the file: it can't force deletes, so these come before."""
        self._sync()
        attempt = self.replay.begun()
        with (
            # Where a table has to be copied anew, the file is brought up to date and nothing is written.
            suppress(errors.ConcurrencyConflict),
            self.lab.connect(autocommit=False) as conn,
            dual.opened(self.lab.job, conn) as writing,
        ):
            for name in MODES:
                a, b, n = (self.draw.randint(0, 9) for _ in range(3))
                which = self.draw.choice(WRITES[:6])
                conn.execute(which.replace("{t}", name).format(a=a, b=b, n=n).encode())
            writing.commit()
            assert writing.run and not writing.run.failed
        self.replay.note(attempt, states=self.replay.begun().states)

    def _killed(self) -> None:
        keep, self.lab.keep = self.lab.keep, None
        attempt, point = self.replay.begun(), self.draw.choice(KILLS)
        # Where the point is not on its way it ends in order, and is to have taken every delete over.
        code = runs.ended(self.lab.job, fault=point, full=self.draw.random() < 0.2, force_deletes=True)
        self.lab.keep = keep
        print(point, code)
        self.replay.note(attempt, certain=code == 0)
        self.write()
        self._sync()


def told(replay: Replay, draw: random.Random, turns: int) -> None:
    """So many turns, and after each a comparison."""
    story = Story(replay, draw)
    for _ in range(turns):
        story.write()
        story.turn()
        replay.checked()


def follows(url: str, folder: Path, turns: int) -> None:
    """Tell one story, and of one that ends badly how to hear it again."""
    with seeded("test_history_random.py") as draw:
        told(made(url, folder), draw, turns)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(6))
def test_histories_follow_random_changes(empty_db: str, tmp_path: Path, turn: int) -> None:
    follows(empty_db, tmp_path, 25)


@pytest.mark.long
def test_histories_of_a_lake_follow_them(postgres: Cluster, empty_db: str, tmp_path: Path) -> None:
    targets.chosen.begin(postgres)
    follows(empty_db, tmp_path, 12)
