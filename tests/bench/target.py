"""A file or a lake that is measured: the job that copies to it, and how it is removed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import machine

MEMORY_LIMIT = "400MB"


def job(
    url: str,
    path: str,
    tables: Sequence[str],
    *,
    connections: int = 4,
    keep: Any = None,
    models: bool = False,
    history: bool = False,
    lake: str = "",
) -> Any:
    """A job for these tables; nothing but the number of connections, and the shop's models, differs from defaults.

    A `lake` is the URL of its catalog; its files lie beside `path`.
    """
    from pydantic import SecretStr

    from app import config
    from jobs.job import Job

    settings = config.Settings(
        source=config.Source(url=SecretStr(url), max_connections=connections),
        target=config.Target(path=Path(path), memory_limit=MEMORY_LIMIT, **_of_lake(lake, path)),
        tables=[config.Table(name=name, history=history) for name in tables],
        models=config.Models(path=machine.ROOT / "sql" / "models" if models else Path("no models")),
    )
    return Job(settings, url, keep)


def _of_lake(lake: str, path: str) -> dict[str, Any]:
    from pydantic import SecretStr

    data = str(Path(path).with_suffix(".data"))
    return {"url": SecretStr(f"ducklake:postgres:{lake}"), "data": data} if lake else {}


def forget(path: str) -> None:
    """Remove a target and all its other names."""
    link = Path(path)
    for found in (*link.parent.glob(f"{link.stem}*"), *link.parent.glob(f".{link.name}*")):
        shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink(missing_ok=True)
