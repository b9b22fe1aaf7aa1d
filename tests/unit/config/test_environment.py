"""Settings from the environment: what wins, and what is refused by which name."""

from __future__ import annotations

import operator
from datetime import timedelta
from pathlib import Path

import pytest

from app import config, errors
from tests.support.configs import SECRET, load, refusal


def test_the_environment_wins_over_the_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", "postgresql://elsewhere/db")
    settings = load(tmp_path, '[source]\nurl = "postgresql://here/db"\nlock_timeout = "7s"')

    assert settings.source.url.get_secret_value() == "postgresql://elsewhere/db"
    assert settings.source.lock_timeout == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("name", "written", "key", "read"),
    [
        ("NEAPTIDE_SOURCE__MAX_CONNECTIONS", "7", "source.max_connections", 7),
        ("NEAPTIDE_SCHEDULE__WAKE_ON_COMMIT", "false", "schedule.wake_on_commit", False),
        ("NEAPTIDE_TARGET__THREADS", "3", "target.threads", 3),
        ("neaptide_sync__margin", "5s", "sync.margin", timedelta(seconds=5)),
        ("NEAPTIDE_HTTP__LISTEN", "127.0.0.1:8321", "http.listen", "127.0.0.1:8321"),
        ("NEAPTIDE_TARGET", '{"mode": "pointer"}', "target.mode", "pointer"),
        ("NEAPTIDE_EXCLUDE", '["shop.audit"]', "exclude", ["shop.audit"]),
    ],
)
def test_every_key_has_a_variable_and_a_section_is_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, written: str, key: str, read: object
) -> None:
    monkeypatch.setenv(name, written)
    found = load(tmp_path, '[target]\nmemory_limit = "1GB"')
    assert operator.attrgetter(key)(found) == read
    assert found.target.memory_limit == "1GB"


def test_a_variable_for_a_key_wins_over_that_for_its_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SOURCE__LOCK_TIMEOUT", "3s")
    monkeypatch.setenv("NEAPTIDE_SOURCE", '{"lock_timeout": "9s", "max_connections": 2}')
    source = load(tmp_path, "").source
    assert (source.lock_timeout, source.max_connections) == (timedelta(seconds=3), 2)


def test_tables_in_the_environment_are_those_instead_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEAPTIDE_TABLES", '[{"name": "b"}]')
    assert [table.name for table in load(tmp_path, "[[tables]]\nname = 'a'").tables] == ["b"]


def test_a_bad_value_in_the_environment_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", f"postgres:/{SECRET}")
    message = refusal(tmp_path, "")
    assert "source: the url" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("NEAPTIDE_SOURCE__HOST", SECRET, "NEAPTIDE_SOURCE__HOST: unknown key"),
        ("NEAPTIDE_SYNC__MARGN", SECRET, "NEAPTIDE_SYNC__MARGN: unknown key; did you mean margin?"),
        ("NEAPTIDE_SOURCE__URL__HOST", SECRET, "source.url: "),
        ("NEAPTIDE_SURCE__URL", SECRET, "NEAPTIDE_SURCE__URL: there is no section [surce]"),
        ("NEAPTIDE_SOURCE", SECRET, "NEAPTIDE_SOURCE is a whole section, and not in JSON"),
        ("NEAPTIDE_SOURCE", f'["{SECRET}"]', "NEAPTIDE_SOURCE: "),
        ("NEAPTIDE_SOURCE", f'"{SECRET}"', "NEAPTIDE_SOURCE: "),
        ("NEAPTIDE_HTTP", f'{{"token": ["{SECRET}"]}}', "http.token: "),
        ("NEAPTIDE_TABLES__0__NAME", SECRET, "tables: "),
        ("NEAPTIDE_BASE__X", SECRET, "NEAPTIDE_BASE__X: there is no section [base]"),
    ],
)
def test_a_variable_that_names_no_key_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    message = refusal(tmp_path, "")
    assert told in message
    assert "hunter2" not in message


@pytest.mark.parametrize("name", ["NEAPTIDE_SURCE__URL", "neaptide__source__url"])
def test_a_section_that_is_nearly_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(errors.ConfigError) as caught:
        load(tmp_path, "")
    assert caught.value.hint == "did you mean NEAPTIDE_SOURCE__URL?"


def test_variables_of_others_and_of_the_command_line_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NEAPTIDE_CONFIG", "NEAPTIDE_DEBUG", "NEAPTIDE_SERVICE_HOST", "NEAPTIDE_BASE", "OTHER_SOURCE__URL"):
        monkeypatch.setenv(name, "elsewhere")
    assert load(tmp_path, "") == config.Settings(base=tmp_path)


@pytest.mark.parametrize("name", ["NEAPTIDE_SOURCE_URL", "neaptide_target_path", "NEAPTIDE_HTTP_TOKEN"])
def test_a_variable_with_one_underscore_too_few_is_refused_with_the_right_name(name: str) -> None:
    section, key = name.upper().split("_")[1:]
    with pytest.raises(errors.ConfigError, match=name) as caught:
        config.unknown_variables([name])
    assert caught.value.hint == f"write NEAPTIDE_{section}__{key}"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["NEAPTIDE_CONFGI"], ["NEAPTIDE_CONFGI is no setting; did you mean NEAPTIDE_CONFIG?"]),
        (["NEAPTIDE_TARGET_PATHS"], ["NEAPTIDE_TARGET_PATHS is no setting; did you mean NEAPTIDE_TARGET__PATH?"]),
        (["NEAPTIDE_FOO", "PATH", "OTHER_SOURCE_URL"], ["NEAPTIDE_FOO is no setting"]),
        (["NEAPTIDE_SOURCE__URL", "NEAPTIDE_TABLES", "NEAPTIDE_DEBUG"], []),
        (["NEAPTIDE_SERVICE_HOST", "NEAPTIDE_SERVICE_PORT", "NEAPTIDE_PORT", "NEAPTIDE_PORT_80_TCP_ADDR"], []),
    ],
)
def test_other_variables_that_look_like_settings_are_named(names: list[str], told: list[str]) -> None:
    assert config.unknown_variables(names) == told
