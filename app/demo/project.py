"""The demo as a project: a folder with a config, the shop's reports and read models, and room for its data."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from app import errors, statements

FOLDER = "neaptide-demo"
# What is packed: the folders of the config's sections that have a path in `sql`.
_FOLDERS = ("reports", "models")
# Each setting of a mechanism with the blanks behind it, which keep the remarks in their column.
_FEED = re.compile(r'^feed = "\w+" *', re.MULTILINE)
_DUAL = re.compile(r"^dual = \w+ *", re.MULTILINE)
_PATH = re.compile(r'^path = "sql/(?P<folder>\w+)" *(?P<comment>#.*)?$', re.MULTILINE)


def make(within: Path) -> Path:
    """Write the folder `neaptide-demo` where it isn't there; returns the path of its config. What is there stays.

    Raises `errors.UsageError` where it can't be written.
    """
    folder = within / FOLDER
    config = folder / "config.toml"
    try:
        for name in _FOLDERS:
            _unpack(folder / name, name)
        _write(config, _PATH.sub(_own_path, _sample()))
    except OSError as error:
        raise errors.UsageError(
            f"{folder} can't be written: {error.strerror}", hint="go to a folder of yours"
        ) from error
    return config


def choose_mechanism(config: Path, *, feed: str, dual: bool) -> None:
    """Have the config say this in [sync]. Raises `errors.UsageError` where it says nothing of it yet."""
    text = config.read_text(encoding="utf-8")
    for setting, wanted in ((_FEED, f'feed = "{feed}"'), (_DUAL, f"dual = {str(dual).lower()}")):
        said = setting.search(text)
        if said is None:
            raise errors.UsageError(f"{config} says nothing of a mechanism", hint=f"write {wanted} into its [sync]")
        text = setting.sub(wanted.ljust(len(said[0])), text)
    config.write_text(text, encoding="utf-8")


def _unpack(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in statements.folder(name).iterdir():
        if file.name.endswith(".sql"):
            _write(folder / file.name, file.read_text(encoding="utf-8"))


def _own_path(match: re.Match[str]) -> str:
    """The folder beside the config, with its remark where it was."""
    path = f'path = "{match["folder"]}"'
    return f"{path:<37}{match['comment'] or ''}".rstrip()


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")


def _sample() -> str:
    """The annotated config: in a wheel it lies beside this module, in a checkout at the top."""
    packed = resources.files("app.demo").joinpath("config.toml")
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")
