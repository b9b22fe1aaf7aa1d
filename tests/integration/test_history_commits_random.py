"""Random transactions, runs and kills between them: a history of commits is what the model says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.verify import verify
from tests.support import runs
from tests.support.commits import committed, made
from tests.support.histories import KILLS, WRITES, Replay, seeded

# In parts as well, some of which are undone, and to a value that is not in the log where it is left alone.
WHICH = (
    *WRITES,
    "SAVEPOINT s; UPDATE {t} SET n = -1; INSERT INTO {t} (id) VALUES ({a} + 100); ROLLBACK TO s",
    "SAVEPOINT s; UPDATE {t} SET n = n + 1 WHERE id = {a}; RELEASE s",
    "TRUNCATE {t}",
    "UPDATE {t} SET body = repeat(chr(97 + {n}), 4000 + {a}) WHERE id = {b}",
)


class Story:
    """What happens to one source and its file, drawn from a seed."""

    def __init__(self, replay: Replay, draw: random.Random) -> None:
        self.replay, self.lab, self.draw = replay, replay.lab, draw

    def commit(self) -> None:
        """A transaction of a few statements."""
        given: list[str] = []
        for _ in range(self.draw.randint(1, 4)):
            which = self.draw.choices(WHICH, [4] * (len(WHICH) - 2) + [1, 8])[0]
            a, b, n = (self.draw.randint(0, 9) for _ in range(3))
            given.append(which.replace("{a}", str(a)).replace("{b}", str(b)).replace("{n}", str(n)))
        committed(self.replay, *given)

    def overlapping(self) -> None:
        """Two transactions at once: the one that began first commits last."""
        with self.lab.connect(autocommit=False) as first, self.lab.connect(autocommit=False) as second:
            for name in self.replay.tables:
                first.execute(f"UPDATE {name} SET n = n + 1 WHERE id < 5".encode())
                second.execute(f"UPDATE {name} SET n = n + 1 WHERE id >= 5".encode())
            for one in (second, first):
                attempt = replace(self.replay.begun(), states={})
                one.commit()
                states = {table: self.replay.state(table) for table in self.replay.tables}
                self.replay.note(attempt, states=states)

    def run_grain(self, run: Callable[[], object]) -> None:
        """What is committed before a run that compares is one version, of the run's moment."""
        count = len(self.replay.attempts)
        self.commit()
        del self.replay.attempts[count:]
        attempt = self.replay.begun()
        run()
        self.replay.note(attempt)

    def turn(self) -> None:
        """Something that brings the file up to date, or dies on the way."""
        kind = self.draw.choices(["sync", "full", "repair", "other", "killed"], [6, 1, 1, 3, 3])[0]
        if kind in ("sync", "full", "repair"):
            self.lab.sync()
        if kind == "full":
            self.run_grain(lambda: self.lab.sync(full=True))
        elif kind == "repair":
            verify.verify(self.lab.job, repair=True)
        if kind not in ("killed", "other"):
            return
        keep, self.lab.keep = self.lab.keep, None
        if kind == "killed":
            runs.ended(self.lab.job, fault=self.draw.choice(KILLS))
            self.commit()
        self.lab.sync()
        self.lab.keep = keep


@pytest.mark.long
@pytest.mark.parametrize("turn", range(4))
def test_histories_of_commits_follow_random_changes(empty_db: str, tmp_path: Path, turn: int) -> None:
    with seeded("test_history_commits_random.py") as draw:
        story = Story(made(empty_db, tmp_path), draw)
        for _ in range(12):
            for _ in range(draw.randint(0, 4)):
                story.overlapping() if draw.random() < 0.2 else story.commit()
            story.turn()
            story.replay.checked()
