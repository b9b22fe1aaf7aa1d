"""Two daemons on two machines, of which a folder each is all they have to themselves: one leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cluster, daemons
from tests.support.lakelab import SHOP, LakeLab, lake_url


@pytest.mark.long
def test_one_daemon_leads_and_the_other_takes_over(postgres: cluster.Cluster, empty_db: str, tmp_path: Path) -> None:
    catalog = postgres.create_database()
    lab = LakeLab(empty_db, tmp_path, [{"name": "shop.a"}], catalog=catalog)
    lab.run(*SHOP)
    lab.track()
    tables = '[[tables]]\nname = "shop.a"\n'
    configs = [tmp_path / place / "config.toml" for place in ("here", "there")]
    for config in configs:
        config.parent.mkdir(exist_ok=True)
        config.write_text(
            f'[source]\nurl = "{empty_db}"\n[target]\nurl = "{lake_url(catalog)}"\ndata = "{lab.data}"\n'
            f'[sync]\nmargin = "0s"\n[schedule]\nevery = "1h"\n{tables}'
        )
    with daemons.running(configs[0]) as first:
        first.saw("run_done")
        with daemons.running(configs[1]) as second:
            second.saw("standby")
            lab.run("UPDATE shop.a SET word = 'a' WHERE id < 100")
            daemons.wait_until(lambda: lab.file_rows("shop.a") == lab.source_rows("shop.a"))
            assert not second.records("run_done")
            first.stop()
            second.saw("leading")
            lab.run("DELETE FROM shop.a WHERE id < 50")
            daemons.wait_until(lambda: lab.file_rows("shop.a") == lab.source_rows("shop.a"))
            assert lab.catalog not in "".join(second.lines)
    postgres.drop_database(catalog)
