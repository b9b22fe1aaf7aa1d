"""The command line on a lake: one setting is another, the commands are the same."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support import cluster
from tests.support.cli import Cli
from tests.support.lakelab import SHOP
from tests.support.syncing import Lab


@pytest.mark.long
def test_a_project_moves_to_a_lake_by_its_config(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> None:
    catalog, cli = postgres.create_database(), Cli(tmp_path)
    tables = "".join(f'\n[[tables]]\nname = "shop.{name}"\n' for name in ("a", "b"))
    config = tmp_path / "config.toml"
    config.write_text(f'[source]\nurl = "{empty_db}"\n[target]\npath = "reporting.duckdb"\n{tables}')
    Lab(empty_db, tmp_path, []).run(*SHOP)
    cli("track").ok()
    cli("sync").ok()
    lake = f'[target]\nurl = "ducklake:postgres:{catalog}"\ndata = "the data"\n'
    config.write_text(config.read_text().replace("[target]\n", lake))
    shown = [cli("lake", "migrate").ok()]
    Lab(empty_db, tmp_path, []).run("DELETE FROM shop.a WHERE id <= 500")
    shown += [cli("sync").ok(), cli("status").ok(), cli("runs").ok(), cli("tables").ok(), cli("verify").ok()]
    assert "2500" in cli("sql", "SELECT count(*) FROM shop.a", "--max-staleness", "1h").ok().out.replace(",", "")
    shown += [
        cli("sync", "--dry-run").ok(),
        cli("doctor"),
        cli("lake", "tidy").ok(),
        cli("sql", "FROM duckdb_secrets()"),
    ]
    assert shown[-1].code != 0
    password = str(conninfo_to_dict(catalog)["password"])
    assert not [one for one in shown if password in one.out + one.err]
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path != config and password.encode() in path.read_bytes()
    ]
    postgres.drop_database(catalog)


def test_what_a_lake_cannot_do_is_refused_before_anything_is_written(
    postgres: cluster.Cluster, empty_db: str, tmp_path: Path
) -> None:
    catalog, cli = postgres.create_database(), Cli(tmp_path)
    lake = f'[target]\nurl = "ducklake:postgres:{catalog}"\ndata = "the data"\n'
    table = '[[tables]]\nname = "shop.a"\n'
    (tmp_path / "config.toml").write_text(f'[source]\nurl = "{empty_db}"\n{lake}{table}[sync]\ndual = true\n')
    refused = cli("sync")
    assert refused.code == 2 and "dual = true needs a file: leave it out" in refused.err, refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
    with psycopg.connect(catalog) as conn:
        assert conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^(pg_|information)'").fetchall() == [
            (0,)
        ]
    postgres.drop_database(catalog)
