"""Sessions that do anything in any order never leave the file different from the source."""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import HealthCheck, core, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.machine import Machine

# `make test` gives it a while; `make soak` gives it hours.
SECONDS = float(os.environ.get("NEAPTIDE_SOAK_SECONDS", "8"))
SEED = os.environ.get("NEAPTIDE_SEED")
BOUNDS = settings(
    # The first one of a round is always next to nothing.
    max_examples=4,
    stateful_step_count=60,
    deadline=None,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.long
def test_the_file_equals_the_source_after_every_sync_whatever_the_sessions_do(
    empty_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine.set_up(empty_db)
    began, rounds = time.monotonic(), 0
    # On a slow machine the time may be over before there was a sync among what chance brought.
    while not (rounds and Machine.syncs and Machine.writes) or time.monotonic() - began < SECONDS:
        seed = int(SEED) if SEED else random.randrange(2**32)
        monkeypatch.setattr(core, "global_force_seed", seed)
        try:
            run_state_machine_as_test(Machine, settings=BOUNDS)
        except BaseException as error:
            error.add_note(f"again with: NEAPTIDE_SEED={seed} pytest tests/chaos/test_state_machine.py")
            raise
        rounds += 1
        assert rounds < 20 or (Machine.syncs and Machine.writes)
        if SEED:
            break
    print(f"{rounds} rounds, {Machine.syncs} syncs, {Machine.writes} writes in {time.monotonic() - began:.0f} s")
