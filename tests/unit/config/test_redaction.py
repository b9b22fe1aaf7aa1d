"""Secrets are taken out however they are written, where they are known and where they are not."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app import config, maskkey, redaction

PASSWORD = "p'q\\ 100%@:/?#ä"
KEY = "a mask key of more than sixteen"
URL = f"postgresql://me:{quote(PASSWORD, safe='')}@host/db?sslpassword=other-secret"
PADS = maskkey.pads(KEY)


@pytest.fixture
def settings() -> config.Settings:
    return config.Settings(
        source={"url": URL}, sync={"mask_key": KEY}, http={"listen": "127.0.0.1:1", "token": "the-token"}, tables=[]
    )


@pytest.mark.parametrize(
    "text",
    [
        f"it is {PASSWORD}", f"at {URL}", f"quoted {quote(PASSWORD)}", json.dumps(PASSWORD), repr(PASSWORD),
        "password='p\\'q\\\\ 100%@:/?#ä'", "PASSWORD 'p''q\\ 100%@:/?#ä'", "other-secret", KEY,
        json.dumps({"k": KEY}), PADS, PADS[:128], PADS[128:], f"-c n.inner={PADS[:128]}", "Bearer the-token",
    ],
)  # fmt: skip
def test_what_is_known_goes_wherever_it_stands(settings: config.Settings, text: str) -> None:
    shown = redaction.of(settings).text(text)
    assert redaction.HIDDEN in shown
    for secret in (
        "p'q",
        "p\\'q",
        "p%27q",
        "ä",
        "%C3%A4",
        "other-secret",
        "mask key",
        PADS[:16],
        PADS[128:144],
        "the-token",
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:else@host/db", "postgresql://me:***@host/db"),
        ("host=h password=x y", "host=h password=*** y"),
        ("host=h password='x\\' y' z", "host=h password=*** z"),
        ("sslpassword = \"x y\" z", "sslpassword = *** z"),
        ('{"password": "x y", "a": 1}', '{"password": ***, "a": 1}'),
        ("SECRET s (user 'u', password 'x''y')", "SECRET s (user 'u', password ***)"),
        ("password authentication failed for user me", "password authentication failed for user me"),
        ("set [http] token = …", "set [http] token = …"),
    ],
)  # fmt: skip
def test_what_stands_where_a_secret_stands_goes_unknown(text: str, shown: str) -> None:
    assert redaction.bare(text) == shown


def test_records_are_cleaned_however_deep(settings: config.Settings) -> None:
    given = {"a": [("x", {"b": f"{KEY}!"})], "n": 1, "none": None}
    assert redaction.of(settings).clean(given) == {"a": [["x", {"b": "***!"}]], "n": 1, "none": None}


def test_the_environment_and_urls_that_were_typed_count_without_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SYNC__MASK_KEY", KEY)
    monkeypatch.setenv("NEAPTIDE_HTTP__TOKEN", "the-token")
    shown = redaction.of(None, "postgresql://me:typed@host/db").text(f"{KEY} the-token typed {PADS}")
    assert shown == "*** *** *** ***"


def test_every_secret_of_the_config_is_among_them() -> None:
    """A section that gets another secret needs to tell nobody."""

    class Other(config.Http):
        password: SecretStr = SecretStr("a new secret")

    assert redaction.of(Other()).text("a new secret") == "***"


def test_words_that_may_stand_for_a_url_are_shown() -> None:
    told = "role postgres does not exist: embedded:var/postgres, postgresql://u@h/d"
    assert redaction.of(config.Settings()).text(told) == told


@pytest.mark.parametrize(
    "given",
    ['["https://x.example.com/s3cret-token", "slack://another-s3cret/x"]', "https://x.example.com/s3cret-token"],
)
def test_urls_of_alerts_are_hidden_where_the_config_can_t_be_read(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_ALERTS__URLS", given + "]")
    assert "s3cret" not in redaction.of(None).text(f"can't read {given}]")
