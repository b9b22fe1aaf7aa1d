"""Every report of the shop on a lake: column for column and row for row what it gives on the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import bootstrap, config
from app.demo import seeded
from app.oltp import engine
from app.queries import reports
from tests.support import cli, cluster, shopmodels
from tests.support.lakelab import lake_url


@pytest.mark.long
def test_every_report_says_the_same_of_a_file_and_of_a_lake(
    postgres: cluster.Cluster, shop_db: str, tmp_path: Path
) -> None:
    made = engine.create(shop_db)
    seeded.place(made, 400)
    made.dispose()
    catalog, stores = postgres.create_database(), []
    target = f'[target]\nurl = "{lake_url(catalog)}"\ndata = "data"\n'
    for name, more in (("file", ""), ("lake", target)):
        (folder := tmp_path / name).mkdir()
        project = cli.config(folder, shop_db, more=f'{more}[models]\npath = "{shopmodels.FOLDER}"\n')
        project("track").ok()
        project("sync").ok()
        stores.append(config.load(folder / "config.toml"))
    shown = 0
    with bootstrap.reporting_file(stores[0]) as file, bootstrap.reporting_file(stores[1]) as lake:
        assert stores[1].lake is not None and file.models == lake.models
        for report in reports.shop().reports.values():
            for on_models in (True, False):
                found = []
                for store in (file, lake):
                    statement, values = reports.question(store, report, {})
                    if not on_models:
                        statement, values = report.sql, reports.bound(store, report, {})
                    found.append(store.query(statement, values))
                assert (found[0].columns, found[0].types) == (found[1].columns, found[1].types), report.name
                assert found[0].rows == found[1].rows, report.name
                shown += len(found[0].rows)
        assert shown > 200 and file.relations() == lake.relations()
    postgres.drop_database(catalog)
