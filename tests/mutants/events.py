"""Mutants of the feed that events tell."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

FEED = "tests/integration/test_events_feed.py::"
OUTBOX = "tests/integration/test_outbox.py::"
PROJECTIONS = "tests/integration/test_projections.py::"
BROKER = "tests/integration/test_events_broker.py::"

MUTANTS = (
    Mutant(
        "events are read by number beyond the last one, so one that commits late is passed over",
        "jobs/feeds/events/touched.py",
        'return watermark.recorded_since("xid", seen)',
        'return sql.SQL("o.xid >= {}::xid8").format(sql.Literal(str(seen.snapshot.xmax)))',
        FEED + "test_only_what_was_told_is_read_and_a_late_commit_comes_with_the_next_run",
    ),
    Mutant(
        "a sweep begins where the last events were read, past what was written without one",
        "jobs/feeds/events/feed.py",
        "swept = start.swept if start else step.since",
        "swept = step.since",
        FEED + "test_a_write_past_the_handlers_is_found_by_the_next_sweep",
    ),
    Mutant(
        "a run without a sweep moves the last sweep on",
        "jobs/feeds/events/feed.py",
        "swept = now.next_watermark(before.swept) if step.reason == SWEEP or step.unreadable else before.swept",
        "swept = now.next_watermark(before.swept)",
        FEED + "test_a_write_past_the_handlers_is_found_by_the_next_sweep",
    ),
    Mutant(
        "purged events are passed over",
        "jobs/feeds/events/queues.py",
        'return PURGED if watermark.snapshot.xmin <= self.purged else ""',
        'return ""',
        FEED + "test_events_that_were_purged_are_a_copy_and_never_a_gap",
    ),
    Mutant(
        "an outbox that was made anew passes for the old one",
        "jobs/feeds/events/feed.py",
        "if reached is None or reached.queue != self.queue.name:",
        "if reached is None:",
        FEED + "test_an_outbox_that_was_made_anew_is_a_copy",
    ),
    Mutant(
        "an event of a format to come is read as one of today",
        "jobs/feeds/events/touched.py",
        "            self.blind = True\n        elif",
        "            pass\n        elif",
        FEED + "test_an_event_of_another_format_has_every_table_swept",
    ),
    Mutant(
        "an event is deleted from the outbox before the broker has confirmed it",
        "jobs/broker/relay.py",
        '    broker.publish(batch)\n    faults.point("relay_confirmed")\n    _forget(conn, batch)\n',
        '    _forget(conn, batch)\n    broker.publish(batch)\n    faults.point("relay_confirmed")\n',
        BROKER + "test_nothing_is_deleted_that_the_broker_did_not_confirm",
    ),
    Mutant(
        "an event counts as handed on before it is published",
        "jobs/broker/relay.py",
        "    broker.publish(batch)\n    faults.point",
        "    faults.point",
        BROKER + "test_what_is_on_its_way_is_read_as_well_as_what_was_handed_on",
    ),
    Mutant(
        "an event is published without its id, so a relay that died doubles it",
        "jobs/broker/nats.py",
        'headers={"Nats-Msg-Id": name}',
        "headers={}",
        BROKER + "test_a_relay_that_dies_once_all_is_confirmed_hands_on_nothing_twice",
    ),
    Mutant(
        "the position passes an event that the run's snapshot does not see",
        "jobs/feeds/events/queues.py",
        "return min(next(unseen, self._stream.last + 1) - 1, self._stream.last)",
        "return self._stream.last",
        BROKER + "test_an_event_of_a_transaction_that_the_snapshot_does_not_see_is_left_for_the_next_run",
    ),
    Mutant(
        "what is still on its way to the broker is not read",
        "jobs/feeds/events/queues.py",
        'self._waiting = touched.of_outbox(now.conn, sql.SQL("true"))',
        "self._waiting = Touched()",
        BROKER + "test_what_is_on_its_way_is_read_as_well_as_what_was_handed_on",
    ),
    Mutant(
        "a message that was deleted from the stream is passed over",
        "jobs/feeds/events/queues.py",
        'return PURGED if place.number < self._reader.hole else ""',
        'return ""',
        BROKER + "test_a_stream_that_does_not_tell_all_is_a_copy",
    ),
    Mutant(
        "what was confirmed is on the broker's disk two minutes later",
        "jobs/broker/server.py",
        ", sync_interval: always",
        "",
        "tests/unit/broker/test_broker.py::test_what_the_embedded_broker_confirms_is_on_its_disk",
    ),
    Mutant(
        "an event that comes twice is handled twice",
        "jobs/projections/projector.py",
        "or (event.version == version and event.id in ids):",
        "or False:",
        PROJECTIONS + "test_an_event_that_comes_twice_or_after_a_newer_one_is_left",
    ),
    Mutant(
        "an older event than the last one of its aggregate is handled",
        "jobs/projections/projector.py",
        "if event.version < version or",
        "if",
        PROJECTIONS + "test_an_event_that_comes_twice_or_after_a_newer_one_is_left",
    ),
    Mutant(
        "what was made of events that are gone is not taken over into a new file",
        "jobs/projections/projector.py",
        "            self._saved[name] = theirs[name]\n",
        "            pass\n",
        PROJECTIONS + "test_all_copied_anew_keeps_what_was_made_of_events_that_are_gone",
    ),
    Mutant(
        "a projection's position passes events that it has not read",
        "jobs/projections/projector.py",
        "self._handle(projection, self._queue.events(",
        "self._handle(projection, iter(()) if saved else self._queue.events(",
        PROJECTIONS + "test_the_course_s_example_a_list_of_products",
    ),
    Mutant(
        "who tracks does not wait for those who write without an outbox",
        "jobs/tracking/outbox.py",
        '    yield Statement(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")\n',
        "",
        FEED + "test_a_writer_who_found_no_outbox_has_ended_before_there_is_one",
    ),
    Mutant(
        "the keys of lines that were taken out are not told",
        "app/oltp/order_repository.py",
        "for line_no, was in old.items.items() if order.items.get(line_no) != was]",
        "for line_no, was in old.items.items() if order.items.get(line_no, was) != was]",
        OUTBOX + "test_what_happened_is_written_with_the_rows_and_their_keys",
    ),
    Mutant(
        "events of a savepoint that was undone are handed to the handlers",
        "app/oltp/uow.py",
        "                del self._events[before:]\n",
        "",
        OUTBOX + "test_nothing_happened_that_was_rolled_back",
    ),
)
