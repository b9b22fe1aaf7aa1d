"""config.toml: what is understood, what is refused, and in which words."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pydantic
import pytest

from app import config, errors
from app.config import values
from tests.support.configs import SECRET, load, refusal

SAMPLE = Path(__file__).parents[3] / "config.toml"


def test_the_sample_loads_and_shows_the_defaults() -> None:
    sample = config.load(SAMPLE)

    assert [table.name for table in sample.tables][:3] == ["shop.products", "shop.customers", "shop.orders"]
    defaults = config.Settings(
        schedule=config.Schedule(every=timedelta(seconds=10)),
        tables=sample.tables,
        base=sample.base,
        reports=config.Reports(path=Path("sql/reports")),
        models=config.Models(path=Path("sql/models")),
    )
    assert sample == defaults


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.schedule.interval == timedelta(seconds=10)
    assert settings.sync.margin == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("content", "place", "near"),
    [
        ("[source]\nhost = 'x'", "source.host", ""),
        ("[surce]\nurl = 'x'", "surce", "source"),
        ("[[table]]\nname = 'x'", "table", "tables"),
        ("[sync]\nmargn = '1s'", "sync.margn", "margin"),
        ("[[tables]]\nname = 'a'\nwatermrk = 'xid'", "tables[0].watermrk of a", "watermark"),
        ("base = '/'", "base", ""),
    ],
)
def test_an_unknown_key_is_refused_with_its_place_and_what_was_meant(
    tmp_path: Path, content: str, place: str, near: str
) -> None:
    meant = f"; did you mean {near}?" if near else ""
    assert refusal(tmp_path, content) == f"{tmp_path / 'config.toml'}: {place}: unknown key{meant}"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://user@host/db", "must begin with postgresql:// or embedded:"),
        ("nonsense", "must begin with postgresql:// or embedded:"),
        ("postgresql://", "names no server"),
        ("embedded:", "names no folder"),
        (f"postgresql://user:{SECRET}@host/db", "write %40 for @"),
        ("postgresql://user@[::1/db", "malformed"),
    ],
)
def test_a_malformed_url_is_refused_without_showing_it(tmp_path: Path, url: str, complaint: str) -> None:
    message = refusal(tmp_path, f'[source]\nurl = "{url}"')
    assert complaint in message
    assert "source" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url",
    [
        "u:hunter2@tail@host/db", "u:12/hunter2@host/db", "u:12?a=hunter2@host/db", "u:hunter2#x@host/db",
        "u:hunter2%zz@host/db", "u:100%hunter2@host/db", "u:hunter2%00@host/db", "host?password=a@hunter2",
        "u:p@host:hunter2/db", "u:p@[::1]hunter2/db", "u:p@host/db#hunter2", "u:p@host/hunter2@db",
        "u:p@host/db?password=a=hunter2", "u:p@host:99999/db?password=hunter2",
    ],
)  # fmt: skip
def test_a_url_that_libpq_reads_otherwise_is_refused_before_a_name_is_asked_for(tmp_path: Path, url: str) -> None:
    message = refusal(tmp_path, f'[source]\nurl = "postgresql://{url}"').removeprefix(str(tmp_path))
    assert "malformed" in message
    assert not any(piece in message for piece in ("hunter2", "tail", "12"))


@pytest.mark.parametrize(
    "url",
    [
        "u:p%40s:s@host/db", "u@one:5432,two:5433/db?target_session_attrs=any", "/db?host=/run&user=x", "u@%2Frun/db",
        "?host=/run", "u@[::1]:5432/db", "[fe80::1%25eth0]/db", "host/db?user=a@b", "u@host/db?",
    ],
)  # fmt: skip
def test_what_libpq_reads_as_it_is_meant_is_taken(url: str) -> None:
    values.check_url(f"postgresql://{url}")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("[source]\nmax_connections = 'many'", "source.max_connections"),
        ("[source]\nmax_connections = 0", "source.max_connections"),
        ("[target]\nmemory_limit = 'lots'", "target.memory_limit"),
        ("[sync]\non_schema_change = 'ignore'", "sync.on_schema_change"),
        ("[[tables]]\nname = 'a'\ndeletes = 'maybe'", "tables[0].deletes of a"),
        ("[[tables]]\nwatermark = 'xid'", "tables[0].name"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(tmp_path: Path, content: str, place: str) -> None:
    assert f": {place}: " in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[source]\nmax_connections = 'many'", "source.max_connections: has to be a whole number (is 'many')"),
        ("[source]\nmax_connections = 65", "source.max_connections: has to be at most 64 (is 65)"),
        ("[sync]\nkeep_runs = 1.5", "sync.keep_runs: has to be a whole number (is 1.5)"),
        ("[schedule]\nwake_on_commit = 'maybe'", "schedule.wake_on_commit: has to be true or false (is 'maybe')"),
        ("[schedule]\nevery = 'soon'", "schedule.every: 'soon' is not a duration: write it like 250ms, 10s, 1m30s, 2h"),
        ("[query]\nmemory_limit = 'lots'", "query.memory_limit: has to be a size like 400MB or 2GB (is 'lots')"),
        ("[target]\npath = 3", "target.path: has to be a path, in quotes (is 3)"),
        ("source = 3", "source: has to be a section: names and values"),
        ("tables = 'a'", "tables: has to be a list: write [[tables]]"),
        ("tables = ['a']", "tables[0]: has to be a section: names and values"),
        ("[[tables]]\nwatermark = 'xid'", "tables[0].name: is missing"),
        ("[[tables]]\nname = 'a'\nkey = []", "tables[0].key of a: has to name at least one"),
        ("[[tables]]\nname = 'a'\ncolumns = 'b'", "tables[0].columns of a: has to be a list (is 'b')"),
        ("[[tables]]\nname = 'a'\nwatermark = 'x'", "watermark of a: has to be 'updated_at', 'xid'"),
        ("[[tables]]\nname = 'a'\nmask = {b = 'hsh'}", "mask.b of a: has to be 'hash', 'null', 'redact' or 'partial'"),
        ("[[tables]]\nname = 'a'\nmask = {b = 'hsh'}", "(is 'hsh'); did you mean hash?"),
        (
            "[[tables]]\nname = 'a'\nrules = {b = 3}",
            "rules.b of a: has to be 'text', 'null', 'fail', 'double', 'decimal'",
        ),
        ("[[tables]]\nname = 'a'\nrename_columns = 3", "rename_columns of a: has to be a section: names and values"),
        ("[[tables]]\nname = 'a'\nmax_delete_share = 0", "max_delete_share of a: has to be above 0 (is 0)"),
        ("[[tables]]\nname = 'a'\n[[tables]]\nname = 'a'", "config.toml: tables: a stands there twice"),
        ("[schedule]\ncron = '* *'", "schedule: cron '* *' can't be read"),
    ],
)
def test_a_mistake_is_told_in_words_of_ours(tmp_path: Path, content: str, told: str) -> None:
    assert told in refusal(tmp_path, content)


def test_no_mistake_is_told_in_the_librarys_words(tmp_path: Path) -> None:
    """Each key of each section, with values of each kind."""
    wrong = ("3", "-1", "1.5", "nan", "true", "''", "'x'", "[]", "[3]", "{}", "{a = 3}", "1979-05-27")
    keys = [f"{name} = " for name in config.Settings.model_fields if name != "base"]
    for name, field in config.Settings.model_fields.items():
        keys += [f"[{name}]\n{key} = " for key in getattr(field.annotation, "model_fields", ())]
    keys += [f"[[tables]]\nname = 'a'\n{key} = " for key in config.Table.model_fields if key != "name"]
    for content in (key + value for key in keys for value in wrong):
        try:
            load(tmp_path, content)
        except errors.ConfigError as error:
            told = error.message
            assert not re.search("[Ii]nput|should|dictionary|pydantic|instance|validation|required|literal", told), told


@pytest.mark.parametrize(
    ("name", "value", "content", "told"),
    [
        ("NEAPTIDE_SOURCE__MAX_CONNECTIONS", "many", "", "NEAPTIDE_SOURCE__MAX_CONNECTIONS: has to be a whole number"),
        ("NEAPTIDE_TABLES", '[{"name": 3}]', "", "NEAPTIDE_TABLES: tables[0].name: has to be text (is 3)"),
        ("NEAPTIDE_TABLES", '["a"]', "", "NEAPTIDE_TABLES: tables[0]: has to be a section"),
        ("NEAPTIDE_HTTP__TOKEN", "t" * 30, "[http]\nlisten = 'x'", "config.toml and NEAPTIDE_HTTP__TOKEN: http: write"),
        ("NEAPTIDE_HTTP__TOKEN", "t" * 30, "[source]\nmax_connections = 0", "config.toml: source.max_connections: "),
    ],
)
def test_a_mistake_is_laid_to_the_variable_or_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, content: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert told in refusal(tmp_path, content)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "[sync]\nmargin = 'soon'\nkeep_runs = -1")
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("1m30s", 90), ("2h", 7200), ("7d", 604800), ("1.5h", 5400), ("1h 30m", 5400)],
)
def test_durations_have_units(written: str, seconds: float) -> None:
    assert config.duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["10", "", "s", "10 fortnights", "-5s", "10s!", "1e3s"])
def test_what_is_no_duration_is_refused_with_an_example(tmp_path: Path, written: str) -> None:
    assert "write it like" in refusal(tmp_path, f'[schedule]\nevery = "{written}"')


def test_every_and_cron_exclude_each_other(tmp_path: Path) -> None:
    assert "either every or cron" in refusal(tmp_path, '[schedule]\nevery = "1s"\ncron = "* * * * *"')


@pytest.mark.parametrize("content", ["deletes = 'soft'", "soft_column = 'gone'"])
def test_soft_deletes_and_their_column_go_together(tmp_path: Path, content: str) -> None:
    assert "go together" in refusal(tmp_path, f"[[tables]]\nname = 'a'\n{content}")


def test_a_password_is_shown_nowhere(tmp_path: Path) -> None:
    settings = load(tmp_path, '[source]\nurl = "postgresql://user:hunter2@host/db"')
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_relative_paths_count_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "with space"
    home.mkdir()
    monkeypatch.chdir("/")
    settings = load(home, '[source]\nurl = "embedded:data/pg"\n[target]\npath = "out/r.duckdb"')

    assert settings.embedded_root == home / "data" / "pg"
    assert settings.target_path == home / "out" / "r.duckdb"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    settings = load(tmp_path, '[source]\nurl = "embedded:/srv/pg"\n[target]\npath = "/srv/r.duckdb"')
    assert (settings.embedded_root, settings.target_path) == (Path("/srv/pg"), Path("/srv/r.duckdb"))


def test_a_server_by_url_has_no_embedded_folder(tmp_path: Path) -> None:
    assert load(tmp_path, '[source]\nurl = "postgresql://host/db"').embedded_root is None


def test_a_missing_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="does not exist") as caught:
        config.load(tmp_path / "none.toml")
    assert "neaptide init" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"[source", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(errors.ConfigError, match="can't be read"):
        config.load(path)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"url": "ducklake:postgres:dbname=x"}, "a lake has both a url"),
        ({"data": "lake"}, "a lake has both a url"),
        ({"url": "postgresql://u@h/x", "data": "lake"}, "must begin with ducklake:postgres:"),
        ({"url": "ducklake:postgres:host=h password=secret", "data": "lake"}, "names no database"),
        ({"url": "ducklake:postgres:dbname", "data": "lake"}, "write the url like"),
        ({"url": "ducklake:postgres:dbname=x", "data": "gs://bucket/lake"}, "data is a folder"),
        ({"url": "ducklake:postgres:dbname=x", "data": "s3://key:secret@bucket/lake"}, "write data like s3://"),
        ({"url": "ducklake:postgres:dbname=x", "data": "s3://bucket/lake?key=secret"}, "write data like s3://"),
        ({"url": "ducklake:postgres:dbname=x", "data": "s3://bucket/a/../b"}, "write data like s3://"),
        ({"url": "ducklake:postgres:dbname=x", "data": "s3://bucket/*"}, "write data like s3://"),
        ({"url": "ducklake:postgres:dbname=x", "data": "s3://"}, "write data like s3://"),
    ],
)
def test_a_lake_that_is_not_whole_is_refused_without_its_password(target: dict[str, str], told: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        config.Settings(target=target)
    shown = " ".join(one["msg"] for one in caught.value.errors())
    assert told in shown and "secret" not in shown


@pytest.mark.parametrize("data", ["s3://bucket/a/b", "s3://bucket/a/b/"])
def test_a_lake_in_an_object_store_has_one_name(data: str) -> None:
    found = config.Settings(target={"url": "ducklake:postgres:dbname=x", "data": data}).lake
    assert found is not None and found.data == "s3://bucket/a/b/"


@pytest.mark.parametrize(
    ("content", "milliseconds"),
    [
        ("", 100),
        ('[sync]\nfeed = "wal"', 0),
        ('[sync]\nfeed = "wal"\n[schedule]\nmin_interval = "2s"', 2000),
        ('[sync]\nfeed = "events"', 100),
        ('[schedule]\nmin_interval = "300ms"', 300),
    ],
)
def test_commits_that_the_log_tells_of_are_bundled_only_where_it_is_asked_for(
    tmp_path: Path, content: str, milliseconds: int
) -> None:
    settings = load(tmp_path, f'{content}\n[[tables]]\nname = "public.t"\n')
    assert settings.bundled == timedelta(milliseconds=milliseconds)


def test_what_a_lake_cannot_do_is_refused_with_the_setting_and_a_way_out() -> None:
    with pytest.raises(ValueError, match=r"dual = true needs a file: leave it out, or"):
        config.Settings(target={"url": "ducklake:postgres:dbname=x", "data": "lake"}, sync={"dual": True})
    with pytest.raises(ValueError, match=r'has history = "commits", which a lake doesn.t keep: set history = true'):
        config.Settings(
            target={"url": "ducklake:postgres:dbname=x", "data": "lake"},
            tables=[{"name": "public.t", "feed": "wal", "history": "commits"}],
        )


@pytest.mark.parametrize("feed", ["wal", "events"])
def test_a_lake_has_every_feed(feed: str) -> None:
    lake = {"url": "ducklake:postgres:dbname=x", "data": "lake"}
    assert config.Settings(target=lake, sync={"feed": feed}, tables=[{"name": "public.t"}]).lake is not None
