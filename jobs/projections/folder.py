"""The project's file of projections, loaded again whenever it changed."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from jobs.projections.projection import Projection


@dataclass(frozen=True)
class Projections:
    """Those of a file, by name; `code` tells its text from another. With an `error` none could be loaded."""

    by_name: dict[str, Projection] = field(default_factory=dict)
    code: str = ""
    error: str = ""


_loaded: dict[Path, tuple[bytes, Projections]] = {}


def of(path: Path | None) -> Projections:
    """What stands in the file; nothing where the config names none."""
    if path is None:
        return Projections()
    try:
        text = path.read_bytes()
    except OSError as error:
        return Projections(error=f"{path.name} can't be read: {error.strerror}")
    known = _loaded.get(path)
    if known is None or known[0] != text:
        known = _loaded[path] = (text, _load(path, text))
    return known[1]


def _load(path: Path, text: bytes) -> Projections:
    code = hashlib.sha256(text).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(f"neaptide_projections_{code}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, the run goes on without
        return Projections({}, code, f"{path.name} can't be loaded: {type(error).__name__}: {error}")
    projections = [value for value in vars(module).values() if isinstance(value, Projection)]
    return Projections({one.name: one for one in projections}, code)
