"""The demo as a project: a folder with a config, the shop's reports, and room for its data."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from app import errors, statements

FOLDER = "neaptide-demo"
_REPORTS = re.compile(r'^path = "sql/reports" *(?P<comment>#.*)?$', re.MULTILINE)


def make(within: Path) -> Path:
    """Write the folder `neaptide-demo` where it isn't there; returns the path of its config. What is there stays.

    Raises `errors.UsageError` where it can't be written.
    """
    folder = within / FOLDER
    config = folder / "config.toml"
    try:
        (folder / "reports").mkdir(parents=True, exist_ok=True)
        for file in statements.folder("reports").iterdir():
            if file.name.endswith(".sql"):
                _write(folder / "reports" / file.name, file.read_text(encoding="utf-8"))
        _write(config, _REPORTS.sub(r'path = "reports"                     \g<comment>', _sample()))
    except OSError as error:
        raise errors.UsageError(
            f"{folder} can't be written: {error.strerror}", hint="go to a folder of yours"
        ) from error
    return config


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")


def _sample() -> str:
    """The annotated config: in a wheel it lies beside this module, in a checkout at the top."""
    packed = resources.files("app.demo").joinpath("config.toml")
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")
