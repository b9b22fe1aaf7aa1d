"""Records: JSON elsewhere than on a terminal, always an action, never a password."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from app import logs
from app.redaction import Redaction

URL = "postgresql://writer:s3cr%40t@db/shop"


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> object:
    yield
    structlog.reset_defaults()


def test_elsewhere_than_on_a_terminal_each_record_is_one_json_object() -> None:
    out = io.StringIO()
    logs.setup(redaction=Redaction([URL]), stream=out)
    structlog.get_logger().info("a run ended", action="run_done", rows_in=3)
    record = json.loads(out.getvalue())
    assert (record["event"], record["action"], record["rows_in"], record["level"]) == (
        "a run ended",
        "run_done",
        3,
        "info",
    )
    assert record["timestamp"].endswith("Z")


def test_on_a_terminal_records_are_text_without_colours_where_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    logs.setup(stream=out)
    structlog.get_logger().info("a run ended", action="run_done")
    assert "a run ended" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_passwords_are_taken_out_of_every_field_as_written_and_as_meant() -> None:
    out = io.StringIO()
    logs.setup(redaction=Redaction([URL]), stream=out)
    try:
        raise ValueError(f"no way to {URL}")
    except ValueError:
        structlog.get_logger().exception(
            "s3cr@t",
            action="x",
            url=URL,
            nested={"list": ["s3cr%40t", "password=hunter2"]},
            other="postgres://a:b3c@d/e",
        )
    for secret in ("s3cr@t", "s3cr%40t", "hunter2", "b3c"):
        assert secret not in out.getvalue()
    assert json.loads(out.getvalue())["url"] == "postgresql://writer:***@db/shop"


def test_quiet_leaves_warnings_and_verbose_adds_details() -> None:
    for options, expected in (({}, 2), ({"quiet": True}, 1), ({"verbose": True}, 3)):
        out = io.StringIO()
        logs.setup(stream=out, **options)
        for tell in ("debug", "info", "warning"):
            getattr(structlog.get_logger(), tell)("x", action="x")
        assert len(out.getvalue().splitlines()) == expected


def test_a_name_in_a_record_does_not_act_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for out in (Terminal(), io.StringIO()):
        logs.setup(stream=out)
        structlog.get_logger().warning("public.\x1b[2Jx was left as it was", action="left", table="public.\x9b2Jx")
        assert not {"\x1b", "\x9b"} & set(out.getvalue())
        assert "[2Jx" in out.getvalue()
