"""Several sources in the config: their names, which tables are of which, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors, redaction
from tests.support.configs import SECRET, load, refusal

CRM = '[[sources]]\nname = "crm"\nurl = "postgresql://crm/db"\n'
WEB = '[[sources]]\nname = "eu-web"\nurl = "postgresql://web/db"\n'


def table(name: str, source: str = "", more: str = "") -> str:
    return f'[[tables]]\nname = "{name}"\n' + (f'source = "{source}"\n' if source else "") + more + "\n"


def test_each_source_has_its_tables_and_settings(tmp_path: Path) -> None:
    default = '[source]\nurl = "postgresql://old/db"\n'
    text = default + CRM + 'lock_timeout = "7s"\n' + WEB + table("a.b") + table("c.d", "crm") + table("e.*", "crm")
    parts = load(tmp_path, text).parts
    assert {name: [one.name for one in part.tables] for name, part in parts.items()} == {
        "": ["a.b"],
        "crm": ["c.d", "e.*"],
    }
    assert parts[""].source.url.get_secret_value() == "postgresql://old/db"
    assert parts["crm"].source.url.get_secret_value() == "postgresql://crm/db"
    assert parts["crm"].source.lock_timeout.total_seconds() == 7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CRM + table("a.b", "crn"), "a.b has source = 'crn', and there are crm"),
        (table("a.b", "crm"), "a.b has source = 'crm', and there are no [[sources]]"),
        (CRM + WEB + table("a.b"), "a.b says no source: add source = one of crm, eu-web"),
        (CRM + CRM.replace("crm", "CRM"), "crm and CRM have one name"),
        (WEB + WEB.replace("eu-web", "eu_web"), "eu-web and eu_web have one name"),
        (CRM.replace('"crm"', '"c r m"'), "letter first"),
        (CRM.replace('"crm"', '""'), "letter first"),
        ('[[sources]]\nname = "crm"\n', "sources[0].url of crm: is missing"),
        ('[[sources]]\nname = "crm"\nurl = "crm/db"\n', "must begin with postgresql://"),
        (CRM + "feed = 1\n", "sources[0].feed of crm: unknown key"),
        (CRM + 'lock_timout = "1s"\n', "did you mean lock_timeout?"),
        ('[sources]\nname = "crm"\n', "write [[sources]]"),
        (CRM + WEB + table("a.b", "crm") + table("a.b", "eu-web"), "crm and eu-web would both have a.b in the file"),
        (
            CRM + WEB + table("a.b", "crm") + table("x.y", "eu-web", 'rename = "A.B"'),
            "crm and eu-web would both have A.B in the file",
        ),
        (CRM + table("a.b", "crm") + table("a.b", "crm"), "a.b stands there twice"),
        ("[sync]\ndual = true\n" + CRM + table("a.b", "crm"), "dual"),
        (
            '[sync]\nfeed = "events"\n[events]\nbroker = "nats://127.0.0.1:4222"\n' + CRM + table("a.b", "crm"),
            "a broker is for one source",
        ),
        (
            '[events]\nprojections = "p.py"\n'
            + CRM
            + WEB
            + table("a.b", "crm", 'feed = "events"')
            + table("c.d", "eu-web", 'feed = "events"'),
            "crm and eu-web have events",
        ),
        ('[read]\nmode = "source"\n' + CRM + table("a.b", "crm"), "asks one database"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(tmp_path: Path, text: str, told: str) -> None:
    assert told in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        table("a.b", "crm", 'feed = "events"') + table("c.d", "eu-web", 'feed = "events"'),
        '[events]\nprojections = "p.py"\n' + table("a.b", "crm", 'feed = "events"') + table("c.d", "eu-web"),
        '[events]\nbroker = "nats://127.0.0.1:4222"\n' + table("a.b", "crm"),
    ],
)
def test_events_of_several_sources(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, CRM + WEB + text).parts.keys() == ({"crm", "eu-web"} if "c.d" in text else {"crm"})


def test_one_name_in_two_sources_with_two_names_in_the_file(tmp_path: Path) -> None:
    text = CRM + WEB + table("a.b", "crm", 'rename = "crm.b"') + table("a.b", "eu-web", 'rename = "web.b"')
    assert len(load(tmp_path, text).tables) == 2


def test_a_variable_has_the_name_of_the_source_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SOURCES__EU_WEB__URL", "postgresql://me:hunter2secret@elsewhere/db")
    monkeypatch.setenv("NEAPTIDE_SOURCES__CRM__MAX_CONNECTIONS", "2")
    found = load(tmp_path, CRM + '[[sources]]\nname = "eu-web"\n' + table("a.b", "eu-web"))
    assert found.sources[1].url.get_secret_value() == "postgresql://me:hunter2secret@elsewhere/db"
    assert found.sources[0].max_connections == 2
    assert "hunter2secret" not in redaction.of(found).text("it said hunter2secret")
    assert "hunter2secret" not in redaction.of(None).text("it said hunter2secret")


@pytest.mark.parametrize("name", ["NEAPTIDE_SOURCES__CRN__URL", "NEAPTIDE_SOURCES__CRM"])
def test_a_variable_for_a_source_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"postgresql://me:{SECRET}@elsewhere/db")
    said = refusal(tmp_path, CRM + table("a.b", "crm"))
    assert "there is no such entry of [[sources]]" in said
    assert name in said
    assert SECRET not in said


def test_a_wrong_url_of_a_source_is_refused_without_its_password(tmp_path: Path) -> None:
    said = refusal(tmp_path, CRM.replace("postgresql://crm/db", f"postgresql://me:{SECRET}@crm/db"))
    assert SECRET not in said
    with pytest.raises(errors.ConfigError):
        load(tmp_path, CRM + table("a.b", "web"))


def test_a_password_in_the_file_is_a_secret(tmp_path: Path) -> None:
    found = load(tmp_path, CRM.replace("crm/db", "me:hunter2secret@crm/db") + table("a.b", "crm"))
    assert "hunter2secret" not in redaction.of(found).text("it said hunter2secret")
