"""Mutants of the daemon: its clock, its lead, and what it says while it waits."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DAEMON = "tests/integration/test_daemon.py::"
LEAD = "tests/integration/test_daemon_lead.py::"
CLOCK = "tests/integration/test_daemon_clock.py::"
HTTP = "tests/integration/test_http.py::"
WAITS = "tests/integration/test_waits.py::"
AGES = "tests/unit/daemon/test_ages.py::"

MUTANTS = (
    Mutant(
        "nobody looks whether the wall clock was set",
        "jobs/daemon/process.py",
        "            self._service.tick()\n",
        "",
        CLOCK + "test_commits_and_the_schedule_go_on_after_the_clock_was_set",
    ),
    Mutant(
        "a pause is not moved with the wall clock",
        "jobs/daemon/agenda.py",
        "            return due + step\n",
        "            return due\n",
        CLOCK + "test_a_pause_after_a_failure_is_as_long_as_it_was_before_the_clock_was_set",
    ),
    Mutant(
        "a cron line's next time is not looked up anew",
        "jobs/daemon/agenda.py",
        "return due if step > timedelta() else",
        "return due if step else",
        "tests/unit/daemon/test_agenda.py::test_after_a_step_the_next_run_is_due_when_it_should_be",
    ),
    Mutant(
        "all times that a clock set by years has passed are gone through",
        "jobs/daemon/schedule.py",
        "        return previous_fire_time + (gone_by + 1) * self._interval",
        "        return previous_fire_time + self._interval",
        "tests/unit/daemon/test_schedule.py::test_after_a_clock_that_was_set_by_years_the_next_time_lies_right_ahead",
    ),
    Mutant(
        "a look that lies ahead silences the next ones",
        "jobs/run/housekeeping.py",
        "return not 0 <= time.time()",
        "return not -1e12 <= time.time()",
        AGES + "test_tombstones_are_looked_at_again_also_where_the_last_look_lies_ahead",
    ),
    Mutant(
        "a file's age goes by the wall clock",
        "jobs/targets/file/freshness.py",
        'return clock.server_now(content["clock"]) or datetime.now(UTC)',
        "return datetime.now(UTC)",
        HTTP + "test_a_file_does_not_get_younger_by_a_clock_that_is_set_back",
    ),
    Mutant(
        "commits bypass the pause after a failure",
        "jobs/daemon/runs.py",
        "            elif not self._backoff.failures:\n",
        "            else:\n",
        DAEMON + "test_commits_do_not_bring_a_failing_run_forward",
    ),
    Mutant(
        "a server that is away is left alone for longer and longer",
        "jobs/backoff.py",
        "cap = AWAY_CAP if isinstance(error, errors.Retryable) else REFUSED_CAP",
        "cap = REFUSED_CAP",
        "tests/integration/test_reach.py::test_a_server_that_is_away_is_asked_every_other_second",
    ),
    Mutant(
        "a relay tells of each vain attempt",
        "jobs/broker/relay.py",
        "        if trouble is not None:\n            self._log.warning(",
        "        if trouble := trouble or self._told.current:\n            self._log.warning(",
        "tests/integration/test_reach.py::test_a_broker_that_is_away_is_told_once_and_asked_every_other_second",
    ),
    Mutant(
        "tables that were left as they were wait for the schedule",
        "jobs/daemon/runs.py",
        "        if run.failed:\n",
        "        if False:\n",
        "tests/integration/test_wal_daemon.py::test_a_daemon_goes_on_by_itself_once_a_slot_is_there_again",
    ),
    Mutant(
        "a broker that is away is tried until nobody waits any more",
        "jobs/broker/nats.py",
        "max_reconnect_attempts=1, reconnect_time_wait=0,",
        "",
        "tests/integration/test_events_broker.py::test_a_broker_that_is_away_keeps_no_other_table_back_and_loses_nothing",
    ),
    Mutant(
        "a look at the source waits for ever",
        "jobs/source/patience.py",
        "if not ready and time.monotonic() >= until:",
        "if not ready and time.monotonic() >= until + 1e9:",
        WAITS + "test_a_server_that_hangs_ends_the_lead_is_told_and_is_found_back",
    ),
    Mutant(
        "a table that somebody holds costs the lead",
        "jobs/daemon/wake.py",
        "except psycopg.errors.LockNotAvailable:",
        "except psycopg.errors.DivisionByZero:",
        DAEMON + "test_a_table_that_somebody_holds_costs_neither_the_lead_nor_a_wake_up",
    ),
    Mutant(
        "whoever holds the daemon's lock passes for a daemon",
        "jobs/daemon/lead.py",
        "is_daemon = row[",
        "is_daemon = row is not None or row[",
        LEAD + "test_a_stranger_who_holds_the_lock_is_named_and_complained_of",
    ),
    Mutant(
        "a daemon stands by for a session of its own",
        "jobs/daemon/lead.py",
        "if holder is not None and holder.pid not in own:",
        "if holder is not None:",
        LEAD + "test_a_daemon_does_not_stand_by_for_a_session_of_its_own",
    ),
    Mutant(
        "slow clients are kept for as long as they like",
        "jobs/daemon/monitor.py",
        "if time.monotonic() - began > _DEADLINE]",
        "if time.monotonic() - began > 1e9]",
        HTTP + "test_slow_clients_take_no_more_than_their_share_and_are_let_go_of",
    ),
    Mutant(
        "any number of clients is served at a time",
        "jobs/daemon/monitor.py",
        "[: len(self._open) - _MOST + 1]",
        "[:0]",
        HTTP + "test_slow_clients_take_no_more_than_their_share_and_are_let_go_of",
    ),
    Mutant(
        "any name is answered on the loopback",
        "jobs/daemon/monitor.py",
        "return bool(self.token) or",
        "return True or",
        HTTP + "test_on_the_loopback_only_its_own_names_are_answered",
    ),
)
