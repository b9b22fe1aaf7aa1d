"""Mutants of what fires and what is made of it: stamps, records of keys, and who gets which right by `track`."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

UNIT = "tests/unit/tables/test_triggers.py::"
SESSIONS = "tests/integration/test_stamps_of_sessions.py::"
PARTS = "tests/integration/test_followed_parts.py::"
OWNERS = "tests/integration/test_owners_ddl.py::"
RIGHTS = "tests/integration/test_track_rights.py::"

MUTANTS = (
    Mutant(
        "a stamp that fires in ordinary sessions only counts for all",
        "jobs/tables/triggers.py",
        "if trigger.enabled == ALWAYS and not trigger.conditional:",
        "if not trigger.conditional:",
        UNIT + "test_the_last_word_on_a_stamp",
    ),
    Mutant(
        "a stamp that hangs on its writer's search_path counts",
        "jobs/tables/triggers.py",
        "return any(match.groupdict().values()) or self.function.sees_its_own_names",
        "return True",
        UNIT + "test_what_is_a_certain_stamp",
    ),
    Mutant(
        "a stamp in the session's zone counts",
        "jobs/tables/triggers.py",
        'if match is None or (stamp.unzoned and self.function.setting("timezone") != "utc"):',
        "if match is None:",
        UNIT + "test_what_is_a_certain_stamp",
    ),
    Mutant(
        "a later trigger that may take the stamp back is not seen",
        "jobs/tables/triggers.py",
        "elif not trigger.leaves([stamp.column]):",
        "elif not trigger.function.name:",
        UNIT + "test_the_last_word_on_a_stamp",
    ),
    Mutant(
        "a comment within a comment is read as code",
        "jobs/tables/bodies.py",
        r"/\*(?:(?!/\*|\*/).)*\*/",
        r"/\*(?:(?!\*/).)*\*/",
        UNIT + "test_a_body_that_only_assigns_is_understood",
    ),
    Mutant(
        "our own stamp hangs on its writer's search_path",
        "jobs/tables/capture.py",
        '_CLOCK = "pg_catalog.clock_timestamp()"',
        '_CLOCK = "clock_timestamp()"',
        SESSIONS + "test_no_setting_of_a_session_hides_what_it_writes",
    ),
    Mutant(
        "a zone off this earth hides rows",
        "jobs/tables/capture.py",
        'return f"GREATEST({_CLOCK}::pg_catalog.timestamp, {lowest})"',
        'return f"{_CLOCK}{lowest[:0]}"',
        SESSIONS + "test_no_setting_of_a_session_hides_what_it_writes",
    ),
    Mutant(
        "stamps of whole seconds get no allowance",
        "jobs/position/watermark.py",
        "        floor -= ROUNDING\n",
        "        floor -= ROUNDING * 0\n",
        "tests/unit/position/test_watermark.py::test_a_rounded_stamp_is_looked_for_a_second_further_back",
    ),
    Mutant(
        "a part of another table is followed by statement triggers",
        "jobs/tables/origin.py",
        "return self.kind == PARTITIONED or self.subscribed or self.child",
        "return self.kind == PARTITIONED or self.subscribed",
        PARTS + "test_partitions_that_are_written_through_their_parent",
    ),
    Mutant(
        "what fires on the partitions is not looked at",
        "jobs/tables/tracked.py",
        "    for leaf in table.leaves:\n",
        "    for leaf in table.leaves[:0]:\n",
        PARTS + "test_what_fires_on_one_partition_only_is_seen",
    ),
    Mutant(
        "a column that had another name for a while is not noticed",
        "jobs/tables/table.py",
        '            "followed": self._followed,\n',
        "",
        OWNERS + "test_a_column_that_had_another_name_for_a_while",
    ),
    Mutant(
        "after a rename the owner's writes fail",
        "jobs/tables/capture.py",
        '_ALTERED = "undefined_column OR',
        '_ALTERED = "division_by_zero OR',
        OWNERS + "test_ddl_and_the_writes_after_it_go_as_before",
    ),
    Mutant(
        "after a rename the owner's deletes by statement fail",
        "jobs/tables/capture.py",
        "FROM (SELECT {absent}) AS absent",
        "FROM (SELECT 1) AS absent",
        OWNERS + "test_ddl_and_the_writes_after_it_go_as_before",
    ),
    Mutant(
        "a trigger names its columns in its definition",
        "jobs/tables/capture.py",
        'events = "INSERT OR UPDATE" if stamp else "UPDATE"',
        "events = f'UPDATE OF {quoting.listed(i.name for i in subject.key)} OR INSERT' if stamp else 'UPDATE'",
        OWNERS + "test_ddl_and_the_writes_after_it_go_as_before",
    ),
    Mutant(
        "a cast that somebody made runs with the rights of whoever tracked",
        "jobs/tables/keys.py",
        'return f"pg_catalog.concat({value})"',
        'return f"{value}::text"',
        RIGHTS + "test_no_cast_of_the_owners_runs_with_the_rights_of_whoever_tracked",
    ),
    Mutant(
        "a column's name ends the function's body",
        "jobs/quoting.py",
        "tag = next(tag for tag in _tags() if tag not in text)",
        'tag = "$$"',
        RIGHTS + "test_names_end_no_statement",
    ),
    Mutant(
        "what others put into the schema is used as it is",
        "jobs/tracking/install.py",
        '    _check_owners(conn, role["name"])\n    things',
        "    things",
        RIGHTS + "test_what_another_role_put_into_the_schema_is_refused",
    ),
    Mutant(
        "what was added to the schema is not looked at",
        "jobs/tracking/install.py",
        '    _check_owners(conn, role["name"])\n    things',
        "    things",
        RIGHTS + "test_what_was_added_to_the_schema_later_is_refused",
    ),
    Mutant(
        "control characters are printed",
        "jobs/tracking/visit.py",
        "        _check_readable(inside)\n",
        "",
        RIGHTS + "test_a_name_that_steers_the_terminal_is_not_printed",
    ),
    Mutant(
        "a visit leaves the reader without the tombstones",
        "jobs/tracking/visit.py",
        "        relations += new\n",
        "",
        "tests/integration/test_visit.py::test_after_one_visit_the_reader_syncs",
    ),
    Mutant(
        "a dry run does not try DuckDB's way to the source",
        "jobs/run/dryrun.py",
        "        now.set_aside(trial.of_rights(job, now, limit))\n",
        "",
        "tests/integration/test_trial.py::test_what_stops_a_run_stops_a_dry_run",
    ),
    Mutant(
        "whoever may use a function forges records with it",
        "jobs/tables/capture.py",
        'return f"TG_RELID = {subject.relid}"',
        'return "true"',
        RIGHTS + "test_a_reader_forges_no_record",
    ),
    Mutant(
        "everybody may use the functions",
        "jobs/tracking/ddl.py",
        'f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC"',
        'f"GRANT EXECUTE ON FUNCTION {name}() TO PUBLIC"',
        RIGHTS + "test_a_reader_forges_no_record",
    ),
    Mutant(
        "a superuser is not warned",
        "jobs/tracking/install.py",
        'if role["super"] and owners:',
        'if not role["super"] and owners:',
        RIGHTS + "test_a_superuser_is_warned_and_the_owner_is_enough",
    ),
    Mutant(
        "tombstones of another server come with a dump",
        "jobs/tracking/ddl.py",
        "if any(self._foreign(trigger) for trigger in stale) and",
        "if not stale and",
        "tests/integration/test_identity.py::test_a_dump_restored_in_another_cluster_is_refused",
    ),
    Mutant(
        "what an earlier version installed is taken for what belongs there",
        "jobs/tables/tracked.py",
        "    if ours <= capture.functions(table.subject):\n",
        "    if ours is not None:\n",
        "tests/integration/test_track.py::test_what_an_earlier_version_installed_is_brought_up_to_date",
    ),
    Mutant(
        "any login keeps tombstones from being purged",
        "sql/sync/tombstones.sql",
        "('neaptide.purge'), 'SELECT'), false) AS may;",
        "('neaptide.purge'), 'SELECT'), false) AND pg_try_advisory_xact_lock(hashtext('neaptide purge')) AS may;",
        "tests/integration/test_tombstone_purge.py::test_only_who_may_purge_keeps_others_from_it",
    ),
    Mutant(
        "a trigger after ours may change the key",
        "jobs/tables/tracked.py",
        "after = triggers.later(there, recording[-1].name, triggers.UPDATE, table.source_key)",
        "after = triggers.later(there, recording[-1].name, triggers.UPDATE, ())",
        "tests/integration/test_key_changes.py::test_a_trigger_that_fires_after_ours_and_may_change_the_key_is_refused",
    ),
)
