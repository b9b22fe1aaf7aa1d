"""A lake in an object store: the same runs and readers, its keys from where all tools of AWS look, and clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import moto.settings
import pytest
from psycopg.conninfo import conninfo_to_dict

from app import errors
from jobs import migrate
from jobs.sessions import OpenSessions
from jobs.targets import targets
from jobs.targets.lake.target import LakeTarget
from jobs.verify import verify
from tests.support import cluster, objectstore
from tests.support.cli import Cli
from tests.support.lakelab import LakeLab, shop_lake
from tests.support.objectstore import KEY, SECRET, ObjectStore
from tests.support.syncing import Lab


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    with objectstore.running() as found:
        found.make_bucket("lake")
        yield found


@pytest.fixture
def store(bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    return bucket


@pytest.fixture
def lab(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> Iterator[LakeLab]:
    with shop_lake(postgres, empty_db, tmp_path) as lab:
        lab.store = f"s3://lake/{tmp_path.name}"
        yield lab


def test_runs_readers_and_upkeep_are_those_of_a_folder(store: ObjectStore, lab: LakeLab) -> None:
    lab.target["retention"] = "0s"
    lab.keep = OpenSessions()
    lab.sync()
    for turn in range(4):
        lab.run(
            f"UPDATE shop.a SET word = 't{turn}' WHERE id % 5 = {turn}", f"DELETE FROM shop.b WHERE id % 9 = {turn}"
        )
        assert lab.sync().changed
    assert not lab.sync().changed
    lab.assert_equal()
    with lab.open() as early:
        before = store.names("lake")
        target = targets.of(lab.job)
        assert isinstance(target, LakeTarget)
        for _ in range(2):
            target.tidy_now()
        assert len(store.names("lake")) < len(before) / 2
        assert early.query("SELECT count(*) FROM shop.a").rows == [(3000,)]
    assert verify.verify(lab.job).equal
    assert not lab.data.exists()
    lab.keep.close()


@pytest.mark.long
def test_a_file_moves_into_an_object_store(store: ObjectStore, lab: LakeLab) -> None:
    file = Lab(lab.url, lab.folder / "here", lab.specs)
    file.sync()
    assert migrate.migrate(lab.job, file.job.files).tables == {"shop.a": 3000, "shop.b": 1000, "shop.c": 10}
    lab.run("DELETE FROM shop.a WHERE id = 2")
    assert {table.table: table.action for table in lab.sync().tables}["shop.a"] == "delta"
    lab.assert_equal()


REACHING = (
    "FROM read_parquet('s3://lake/**/*.parquet')",
    "FROM 's3://lake/other/x.parquet'",
    "FROM read_text('{url}/lake')",
    "FROM read_blob('s3://lake/{place}/../x')",
    "COPY (SELECT 1 AS x) TO 's3://lake/other/x.parquet'",
    "CREATE SECRET other (TYPE s3)",
    "FROM duckdb_secrets()",
    "FROM which_secret('s3://lake/x', 's3')",
    "SELECT current_setting('s3_secret_access_key')",
    "SET s3_endpoint = 'elsewhere'",
)


def test_report_sql_reaches_no_other_object_and_no_key(store: ObjectStore, lab: LakeLab) -> None:
    lab.sync()
    with lab.open() as reader:
        for attack in REACHING:
            with pytest.raises((errors.UsageError, errors.QueryFailed)):
                reader.query(attack.format(url=store.url, place=lab.folder.name))
        # Nor would it without the guard.
        session = reader._session
        for attack in REACHING[:3]:
            with pytest.raises(Exception, match="disabled by configuration"):
                session.execute(attack.format(url=store.url))
        assert SECRET not in str(session.execute("FROM duckdb_secrets()").fetchall())
    assert SECRET not in repr(lab.lake) + repr(vars(lab.lake)) + repr(targets.of(lab.job))


@pytest.mark.long
def test_what_is_wrong_with_a_store_is_told_clearly(
    store: ObjectStore, lab: LakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.TargetUnusable, match="bucket of the lake does not exist"):
        replace(lab, store="s3://nowhere/lake").sync()
    lab.sync()
    lab.run("UPDATE shop.a SET word = 'x'")
    # Whoever asks has no right: moto then looks at who it is.
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    for act in (lab.sync, lambda: _count(lab)):
        with pytest.raises(errors.TargetUnusable, match=r"refuses the keys.*InvalidAccessKeyId") as caught:
            act()
        assert SECRET not in str(caught.value)
    monkeypatch.undo()
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for act in (lab.sync, lambda: _count(lab)):
        with pytest.raises(errors.StoreUnavailable, match="object store can't be reached"):
            act()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(errors.ConfigError, match="AWS_ENDPOINT_URL is no address"):
        lab.sync()
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    monkeypatch.setenv("AWS_PROFILE", "unheard-of")
    with pytest.raises(errors.ConfigError, match="unheard-of"):
        lab.sync()
    monkeypatch.delenv("AWS_PROFILE")
    lab.sync()
    lab.assert_equal()


def _count(lab: LakeLab) -> object:
    with lab.open() as reader:
        return reader.query("SELECT count(*) FROM shop.a WHERE word <> ''").rows


@pytest.mark.long
def test_a_store_that_comes_back_is_written_on(
    lab: LakeLab, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sessions that are kept, as in a daemon."""
    keep = OpenSessions()
    kept = replace(lab, keep=keep)
    with objectstore.running() as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", other.url)
        kept.sync()
        port = other.server.get_host_and_port()[1]
    lab.run("UPDATE shop.a SET word = 'while away' WHERE id < 50")
    with pytest.raises(errors.StoreUnavailable):
        kept.sync()
    with objectstore.running(port):
        kept.sync()
        lab.assert_equal()
    keep.close()


RENEWED = """[profile role]
credential_process = sh '{script}'
"""
SCRIPT = """echo x >> '{count}'
echo '{{"Version": 1, "AccessKeyId": "KEY'$(wc -l < '{count}' | tr -d ' ')'", "SecretAccessKey": "s",'
echo '"SessionToken": "t", "Expiration": "{soon}"}}'
"""


def test_keys_that_change_are_taken_up_by_a_session_that_is_kept(
    store: ObjectStore, lab: LakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a role do, after an hour: botocore asks again some minutes before their end."""
    script, config, count = (lab.folder / name for name in ("keys.sh", "aws", "count"))
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    script.write_text(SCRIPT.format(count=count, soon=soon))
    config.write_text(RENEWED.format(script=script))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "role")
    lab.specs[:] = lab.specs[:1]
    keep = lab.keep = OpenSessions()
    shown = []
    for _ in range(2):
        lab.run("DELETE FROM shop.a WHERE id = (SELECT min(id) FROM shop.a)")
        lab.sync()
        with keep.engine.lend(lambda: None) as session:
            shown.append(str(session.connection.execute("FROM duckdb_secrets()").fetchall()))
    assert f"key_id=KEY{len(count.read_text().splitlines())};" in shown[1] and shown[0] != shown[1]
    keep.close()


@pytest.mark.long
def test_no_key_is_ever_shown_or_written(store: ObjectStore, lab: LakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.folder / "project"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'[source]\nurl = "{lab.url}"\n[target]\nurl = "ducklake:postgres:{lab.catalog}"\ndata = "{lab.store}"\n'
        '[[tables]]\nname = "shop.a"\n'
    )
    # From a profile, as well, of which redaction knows nothing.
    home = lab.folder / "credentials"
    home.write_text(f"[lake]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home))
    monkeypatch.setenv("AWS_PROFILE", "lake")
    cli = Cli(folder)
    shown = [cli("sync").ok(), cli("status", "--json").ok(), cli("verify").ok(), cli("lake", "tidy").ok()]
    shown += [cli("doctor"), cli("sql", "SELECT count(*) FROM shop.a").ok(), cli("sql", "FROM duckdb_secrets()")]
    assert "3000" in shown[5].out.replace(",", "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    lab.run("DELETE FROM shop.a WHERE id = 1")
    shown += [cli("--verbose", "sync"), cli("sql", "SELECT count(*) FROM shop.a WHERE word <> ''"), cli("doctor")]
    assert [one.code for one in shown[-3:-1]] == [1, 1]
    secrets = (SECRET, str(conninfo_to_dict(lab.catalog)["password"]))
    assert not [one for one in shown for secret in secrets if secret in one.out + one.err]
    assert not [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
