"""Environments for the other tools, from PyPI alone, below `var/peers`. Made once; delete the folder for new ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.machine import ROOT

HOME = ROOT / "var" / "peers"
DUCKDB = "1.5.5"
_EXTENSIONS = ("json", "httpfs", "icu", "parquet")
# Sling's own package downloads its program when first run, and so do later versions of ingestr: here nothing is
# downloaded but packages, so the program comes in a package, too, and ingestr is the last that is one.
PACKAGES = {
    "dlt": (
        "dlt[duckdb]==1.31.0", f"duckdb=={DUCKDB}", "sqlalchemy", "psycopg2-binary", "connectorx", "pyarrow", "pytz",
    ),
    "sling": (
        "sling-linux-amd64==1.4.11", f"duckdb-cli=={DUCKDB}",
        *(f"duckdb-extension-{name}=={DUCKDB}" for name in _EXTENSIONS),
    ),
    "ingestr": ("ingestr==0.14.155", "pytz"),
    # Meltano runs a tap and a target as programs of their own, each in an environment of its own; so does this.
    "tap-postgres": ("meltanolabs-tap-postgres==0.10.0",),
    # With the DuckDB of its time: a newer one takes the first row of its CSV files for their head.
    "target-duckdb": ("target-duckdb==0.8.0", "duckdb==1.1.3", "pytz"),
}  # fmt: skip


def install(names: tuple[str, ...] = tuple(PACKAGES)) -> None:
    """Make the environments that are not there yet."""
    for name in names:
        done = HOME / name / "done"
        wanted = "\n".join(PACKAGES[name])
        if done.exists() and done.read_text() == wanted:
            continue
        print(f"installing {name}: {', '.join(PACKAGES[name])}", flush=True)
        shutil.rmtree(HOME / name, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", HOME / name], check=True)
        options = ("--no-deps",) if name == "sling" else ()
        subprocess.run([python(name), "-m", "pip", "install", "--quiet", *options, *PACKAGES[name]], check=True)
        if name == "sling":
            _place_extensions()
        done.write_text(wanted)


def python(name: str) -> Path:
    """The Python of an environment."""
    return HOME / name / "bin" / "python"


def site(name: str) -> Path:
    """Where the packages of an environment are."""
    return next((HOME / name / "lib").glob("python3*")) / "site-packages"


def sling() -> Path:
    """Sling's program."""
    return site("sling") / "sling_linux_amd64" / "bin" / "sling-linux-amd64"


def duckdb_program() -> Path:
    """The DuckDB command line that Sling loads with."""
    return site("sling") / "duckdb_cli" / "duckdb"


def _place_extensions() -> None:
    """DuckDB looks for its extensions in the home folder, and would download them otherwise."""
    place = HOME / "sling" / "home" / ".duckdb" / "extensions" / f"v{DUCKDB}" / "linux_amd64"
    place.mkdir(parents=True, exist_ok=True)
    for file in site("sling").glob("duckdb_extension_*/extensions/*/*.duckdb_extension"):
        shutil.copy(file, place)
