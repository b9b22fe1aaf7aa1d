"""The tools, all with the same two verbs: a first load, and an update. Times are of whole processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import child, idle, machine
from tests.bench.peers import install

_TIMEOUT = 1800
_QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DISABLE_TELEMETRY": "true", "SLING_DISABLE_TELEMETRY": "true"}


class Failed(Exception):
    """The tool ended with an error; its last words."""


@dataclass(frozen=True)
class Tool:
    """One tool in one configuration, with a folder for its file and its state."""

    folder: Path

    name = ""

    @property
    def path(self) -> Path:
        """The DuckDB file that readers open."""
        return self.folder / "copy.duckdb"

    def prepare(self, url: str, table: str) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def load(self, url: str, table: str) -> dict[str, float]:
        """The first load into a new file."""
        raise NotImplementedError

    def update(self, url: str, table: str) -> dict[str, float]:
        """Bring the copy up to date."""
        raise NotImplementedError


class Neaptide(Tool):
    """`neaptide sync`, with its triggers installed beforehand."""

    name = "neaptide"

    def prepare(self, url: str, table: str) -> None:
        super().prepare(url, table)
        child.call("track", url=url, tables=[table])
        config = f'[source]\nurl = "{url}"\n[target]\npath = "{self.path}"\n[[tables]]\nname = "{table}"\n'
        (self.folder / "config.toml").write_text(config)

    def load(self, url: str, table: str) -> dict[str, float]:
        return run([*idle.neaptide(), "--config", self.folder / "config.toml", "sync"])

    update = load


class Dlt(Tool):
    """dlt with arrow tables through Parquet. First `replace`, then `merge`."""

    backend = ""

    def load(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "replace", incremental=True)

    def update(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "merge", incremental=True)

    def _run(self, url: str, table: str, disposition: str, *, incremental: bool) -> dict[str, float]:
        given = {
            "url": url, "table": table, "path": str(self.path), "state": str(self.folder / "state"),
            "backend": self.backend, "disposition": disposition, "incremental": incremental,
        }  # fmt: skip
        script = Path(__file__).with_name("dlt_run.py")
        return run([install.python("dlt"), script], given=json.dumps(given), env={"HOME": str(self.folder)})


class DltConnectorx(Dlt):
    """dlt's fastest way to read PostgreSQL."""

    name, backend = "dlt connectorx", "connectorx"


class DltPyarrow(Dlt):
    """dlt's way that keeps more types."""

    name, backend = "dlt pyarrow", "pyarrow"


class Sling(Tool):
    """Sling: `full-refresh`, then `incremental` with a key and a column of times."""

    name = "sling"

    def load(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "full-refresh")

    def update(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "incremental")

    def _run(self, url: str, table: str, mode: str) -> dict[str, float]:
        env = {
            "BENCH_PG": f"{url}?sslmode=disable", "BENCH_DUCKDB": f"duckdb://{self.path}",
            "DUCKDB_PATH": str(install.duckdb_program()), "HOME": str(install.HOME / "sling" / "home"),
        }  # fmt: skip
        ends = ["--src-conn", "BENCH_PG", "--src-stream", table, "--tgt-conn", "BENCH_DUCKDB", "--tgt-object", table]
        keys = ["--mode", mode, "--primary-key", "id", "--update-key", "updated_at"]
        return run([install.sling(), "run", *ends, *keys], env=env)


class Ingestr(Tool):
    """ingestr: `replace`, then `merge`."""

    name = "ingestr"

    def load(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "replace")

    def update(self, url: str, table: str) -> dict[str, float]:
        return self._run(url, table, "merge")

    def _run(self, url: str, table: str, strategy: str) -> dict[str, float]:
        ends = [
            "--source-uri",
            url,
            "--source-table",
            table,
            "--dest-uri",
            f"duckdb:///{self.path}",
            "--dest-table",
            table,
        ]
        keys = ["--incremental-strategy", strategy, "--primary-key", "id", "--incremental-key", "updated_at"]
        how = ["--sql-backend", "pyarrow", "--loader-file-format", "parquet", "--page-size", "100000", "--yes"]
        program = install.HOME / "ingestr" / "bin" / "ingestr"
        return run([program, "ingest", *ends, *keys, *how, "--progress", "log"], env={"HOME": str(self.folder)})


class Meltano(Tool):
    """Meltano's tap-postgres into target-duckdb, as `meltano run` joins them: whole first, then `INCREMENTAL`."""

    name = "meltano"

    def load(self, url: str, table: str) -> dict[str, float]:
        schema, _, name = table.partition(".")
        tap = {"sqlalchemy_url": url.replace("postgresql", "postgresql+psycopg2", 1), "filter_schemas": [schema]}
        self._write("tap.json", tap)
        target = {"filepath": str(self.path), "default_target_schema": schema, "batch_size_rows": 100_000}
        self._write("target.json", target)
        found = subprocess.run(
            [self._program("tap-postgres"), "--config", self.folder / "tap.json", "--discover"],
            capture_output=True, text=True, check=True, timeout=_TIMEOUT,
        )  # fmt: skip
        streams = [one for one in json.loads(found.stdout)["streams"] if one["tap_stream_id"] == f"{schema}-{name}"]
        self._write("catalog.json", {"streams": [_selected(one) for one in streams]})
        return self._run([])

    def update(self, url: str, table: str) -> dict[str, float]:
        return self._run(["--state", self.folder / "state.json"])

    def _run(self, state: Sequence[str | Path]) -> dict[str, float]:
        files = ["--config", self.folder / "tap.json", "--catalog", self.folder / "catalog.json", *state]
        read = shlex.join(map(str, [self._program("tap-postgres"), *files]))
        write = shlex.join(map(str, [self._program("target-duckdb"), "--config", self.folder / "target.json"]))
        # The last line that the target prints is where the tap goes on from.
        text = f"cd {shlex.quote(str(self.folder))}; {read} | {write} > left; tail -n 1 left > state.json"
        return run(["bash", "-eo", "pipefail", "-c", text], env={"HOME": str(self.folder)})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(content))

    @staticmethod
    def _program(name: str) -> Path:
        return install.HOME / name / "bin" / name


def _selected(stream: dict[str, Any]) -> dict[str, Any]:
    """A stream of a tap's catalogue, with all columns, by its stamp."""
    how = {"selected": True, "replication-method": "INCREMENTAL", "replication-key": "updated_at"}
    for part in stream["metadata"]:
        part["metadata"].update(how if not part["breadcrumb"] else {"selected": True})
    return {**stream, "replication_method": "INCREMENTAL", "replication_key": "updated_at"}


TOOLS: tuple[type[Tool], ...] = (Neaptide, DltConnectorx, DltPyarrow, Sling, Ingestr, Meltano)


def run(
    command: Sequence[str | Path], *, given: str | None = None, env: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run a tool: the seconds of its process, and as `inside` what it says of itself without its start."""
    began = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command], input=given, env={**os.environ, **_QUIET, **(env or {})}, cwd=machine.ROOT,
        capture_output=True, text=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if done.returncode:
        raise Failed((done.stdout + done.stderr)[-1500:])
    return {"seconds": seconds, "inside": _inside(done.stdout)}


def _inside(text: str) -> float:
    try:
        found: Any = json.loads(text.splitlines()[-1])
        return float(found["seconds"])
    except (ValueError, KeyError, IndexError, TypeError):
        return float("nan")
