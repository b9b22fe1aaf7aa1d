"""What is understood of triggers, and what is not: tables of cases, without a server."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jobs.position.watermark import Stamp
from jobs.tables import bodies, capture, triggers
from jobs.tables.capture import Subject
from jobs.tables.triggers import Fault, Function, Trigger
from jobs.types.column_plan import ColumnInfo, TypeInfo

ZONED, UNZONED, XID = Stamp("u", "updated_at"), Stamp("u", "updated_at", zoned=False), Stamp("u", "xid")
BOTH = triggers.ROW | triggers.BEFORE | triggers.INSERT | triggers.UPDATE
ID = ColumnInfo("id", 1, TypeInfo(23, "pg_catalog", "int4", "integer"))
SUBJECT = Subject(77, ZONED, (ID,))
STAMP = "BEGIN NEW.u := pg_catalog.now(); RETURN NEW; END"


def trigger(body: str, *settings: str, name: str = "a", language: str = "plpgsql", **more: object) -> Trigger:
    function = Function("public", "f", body, language, settings=frozenset(settings))
    return Trigger(name, BOTH, function, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "assigned"),
    [
        (STAMP, (("u", "pg_catalog . now ( )"),)),
        ("begin\n new.U = Now(); -- x\n return new; end;", (("u", "now ( )"),)),
        ('BEGIN NEW."U" := now() /* y */ ; RETURN NEW; END', (("U", "now ( )"),)),
        ('BEGIN NEW."a""b" := 1; NEW.u := now(); RETURN NEW; END', (('a"b', "1"), ("u", "now ( )"))),
        ("BEGIN NEW.n := upper(NEW.n || '; ''x'); RETURN NEW; END", (("n", "upper ( new . n | | '; ' 'x' )"),)),
        ("BEGIN RETURN NEW; END", ()),
        ("BEGIN RETURN OLD; END", None),
        ("BEGIN NEW.u := now(); RETURN NULL; END", None),
        ("BEGIN NEW.u := now(); END", None),
        ("BEGIN IF true THEN NEW.u := now(); END IF; RETURN NEW; END", None),
        ("BEGIN NEW := OLD; RETURN NEW; END", None),
        ("BEGIN SELECT 1 INTO NEW.u; RETURN NEW; END", None),
        ("BEGIN NEW.u := now(); PERFORM f(); RETURN NEW; END", None),
        ("BEGIN NEW.u.v := 1; RETURN NEW; END", None),
        ("BEGIN NEW.u[1] := 1; RETURN NEW; END", None),
        ("DECLARE now int; BEGIN NEW.u := now(); RETURN NEW; END", None),
        ("#variable_conflict use_column\nBEGIN NEW.u := now(); RETURN NEW; END", None),
        ("<<b>> BEGIN NEW.u := now(); RETURN NEW; END", None),
        ("BEGIN /* /* */ NEW.u := now(); -- */\n RETURN NEW; END", None),
        ("BEGIN NEW.u := E'\\'; RETURN NEW; END", None),
        ("BEGIN NEW.u := $x$; RETURN NEW; END$x$; RETURN NEW; END", None),
        ('BEGIN NEW.U&"u" := now(); RETURN NEW; END', None),
        ("BEGIN NEW.ü := now(); RETURN NEW; END", None),
        ("", None),
        ("moddatetime", None),
    ],
)
def test_a_body_that_only_assigns_is_understood(body: str, assigned: object) -> None:
    # Two strings side by side are no expression; PostgreSQL would not have made that function.
    assert bodies.assignments(body) == assigned


@pytest.mark.parametrize(
    ("value", "stamp", "settings", "certain"),
    [
        ("pg_catalog.now()", ZONED, (), True),
        ("pg_catalog.clock_timestamp()", ZONED, (), True),
        ("current_timestamp", ZONED, (), True),
        ("now()", ZONED, (), False),
        ("now()", ZONED, ("search_path=public, pg_temp",), True),
        ("now()", ZONED, ('search_path=""',), True),
        ("now()", ZONED, ("search_path=pg_catalog, over",), True),
        ("now()", ZONED, ("search_path=over, pg_catalog",), False),
        ('now()', ZONED, ('search_path=over, "pg_catalog"',), False),
        ("now()", ZONED, ("timezone=utc",), False),
        ("coalesce(NEW.u, pg_catalog.now())", ZONED, (), False),
        ("pg_catalog.now() - NEW.n", ZONED, (), False),
        ("current_timestamp(0)", ZONED, (), False),
        ("localtimestamp", ZONED, (), False),
        ("pg_catalog.date_trunc('second', pg_catalog.now())", ZONED, (), False),
        ("pg_catalog.now() at time zone 'utc'", ZONED, (), False),
        ("over.now()", ZONED, (), False),
        ("pg_catalog.now()", UNZONED, (), False),
        ("pg_catalog.now() at time zone 'utc'", UNZONED, (), False),
        ("pg_catalog.now() at time zone 'UTC'", UNZONED, ("timezone=utc",), True),
        ("pg_catalog.now()", UNZONED, ("timezone=utc",), True),
        ("pg_catalog.now()", UNZONED, ("timezone=utc+150",), False),
        ("pg_catalog.pg_current_xact_id()", XID, (), True),
        ("pg_current_xact_id()", XID, (), False),
        ("pg_catalog.now()", XID, (), False),
        ("pg_catalog.pg_current_xact_id()", ZONED, (), False),
    ],
)  # fmt: skip
def test_what_is_a_certain_stamp(value: str, stamp: Stamp, settings: tuple[str, ...], certain: bool) -> None:
    one = trigger(f"BEGIN NEW.u := {value}; RETURN NEW; END", *settings)
    assert one.keeps(stamp) is certain
    assert (triggers.fault([one], stamp, triggers.UPDATE) is None) is certain


OTHER = "BEGIN NEW.n := 1; RETURN NEW; END"
UNREAD = "BEGIN NEW := OLD; RETURN NEW; END"
SESSIONS = "BEGIN NEW.u := now(); RETURN NEW; END"


@pytest.mark.parametrize(
    ("firing", "found"),
    [
        ([], Fault.MISSING),
        ([trigger(STAMP)], None),
        ([trigger(STAMP, enabled="O")], Fault.NOT_ALWAYS),
        ([trigger(STAMP, enabled="R")], Fault.NOT_ALWAYS),
        ([trigger(STAMP, conditional=True)], Fault.MISSING),
        ([trigger(STAMP, language="plpython3u")], Fault.UNCERTAIN),
        ([trigger(SESSIONS)], Fault.UNCERTAIN),
        ([trigger(UNREAD)], Fault.MISSING),
        ([trigger(STAMP), trigger(OTHER, name="b")], None),
        ([trigger(STAMP), trigger(UNREAD, name="b")], Fault.TAKEN_BACK),
        ([trigger(STAMP), trigger(UNREAD, name="b", enabled="R")], Fault.TAKEN_BACK),
        ([trigger(STAMP), trigger(UNREAD, name="b", conditional=True)], Fault.TAKEN_BACK),
        ([trigger(STAMP), trigger("c_function", name="b", language="c")], Fault.TAKEN_BACK),
        ([trigger(STAMP, name="b"), trigger(UNREAD)], None),
        # By bytes: the capitals first, letters beyond ASCII last.
        ([trigger(STAMP, name="a"), trigger(UNREAD, name="B")], None),
        ([trigger(STAMP, name="~"), trigger(UNREAD, name="é")], Fault.TAKEN_BACK),
        ([trigger(STAMP), trigger(STAMP, name="b", enabled="O")], None),
        ([trigger(STAMP), trigger(SESSIONS, name="b")], Fault.TAKEN_BACK),
    ],
)
def test_the_last_word_on_a_stamp(firing: list[Trigger], found: Fault | None) -> None:
    told = triggers.fault(firing, ZONED, triggers.INSERT)
    assert (told and told[0]) is found


def test_a_trigger_for_one_event_says_nothing_of_the_other() -> None:
    only_updates = Trigger("a", BOTH & ~triggers.INSERT, Function("public", "f", STAMP))
    assert triggers.fault([only_updates], ZONED, triggers.UPDATE) is None
    assert triggers.fault([only_updates], ZONED, triggers.INSERT) == (Fault.MISSING, "")
    assert triggers.meant([only_updates], ZONED, triggers.UPDATE)


def test_our_own_stamp_is_known_to_the_letter() -> None:
    ours = capture.row(SUBJECT, stamp=True, record=True)
    installed = Trigger(ours.name, ours.kind, ours.function)
    trusted = capture.stamping(SUBJECT)
    assert triggers.fault([installed], ZONED, triggers.UPDATE, trusted) is None
    for other in (
        Subject(78, ZONED, (ID,)), Subject(77, Stamp("v", "updated_at"), (ID,)), Subject(77, XID, (ID,)),
    ):  # fmt: skip
        assert ours.function not in capture.stamping(other)
    assert ours.function in capture.recording(SUBJECT)
    assert capture.row(SUBJECT, stamp=True, record=False).function not in capture.recording(SUBJECT)


def test_our_own_comes_last() -> None:
    name = capture.row(SUBJECT, stamp=True, record=True).name
    for other in ("a", "zzzzzzzz", "ZZZ", "~", "~a", "_z", "{z"):
        assert not triggers.later([trigger(UNREAD, name=other)], name, triggers.UPDATE, ["u"])
    for other in ("~zz", "é", "\U0010ffff"):
        assert triggers.later([trigger(UNREAD, name=other)], name, triggers.UPDATE, ["u"])
    assert not triggers.later([trigger(OTHER, name="é")], name, triggers.UPDATE, ["u", "id"])
    assert triggers.later([trigger(OTHER, name="é")], name, triggers.UPDATE, ["n"])


@pytest.mark.parametrize(
    ("function", "harmless"),
    [
        (Function("pg_catalog", "tsvector_update_trigger", "tsvector_update_trigger_byid", "internal"), True),
        (Function("public", "tsvector_update_trigger", "", "c"), False),
        (Function("public", "moddatetime", "moddatetime", "c"), False),
        (Function("neaptide", "row_5", "anything"), True),
        (Function("neaptide", "stamp_5", "of an earlier version"), False),
    ],
)
def test_functions_that_are_not_read(function: Function, harmless: bool) -> None:
    assert Trigger("a", BOTH, function).leaves(["u"]) is harmless


def test_names_fire_in_the_order_of_their_bytes() -> None:
    names = [one.name for one in triggers.in_order(trigger(OTHER, name=name) for name in ("é", "~", "a", "B", "_"))]
    assert names == ["B", "_", "a", "~", "é"]
    assert all(one.encode() < other.encode() for one, other in pairwise(names))


@pytest.mark.parametrize("name", ["$neaptide$", "$$", "a'b", 'a"b', "x$neaptide$; DROP TABLE t; $neaptide2$"])
def test_no_name_ends_a_function(name: str) -> None:
    from jobs import quoting

    subject = Subject(77, ZONED, (ColumnInfo(name, 1, ID.type),))
    body = capture.by_row(subject).function.source
    quoted = quoting.dollar(body)
    tag = quoted[: quoted.index("$", 1) + 1]
    assert quoted.count(tag) == 2
    assert quoted == f"{tag}{body}{tag}"
