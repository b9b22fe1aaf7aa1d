"""The models of a folder, each a file. One that can't be read spoils only itself, and is named with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app import config, errors
from jobs import quoting
from jobs.models import file
from jobs.models.file import Model


@dataclass(frozen=True)
class Folder:
    """The models of a folder by name, and why the others can't be read, `bad`, by the name of their file."""

    models: Mapping[str, Model] = field(default_factory=dict)
    bad: Mapping[str, errors.ModelError] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: config.Settings) -> Folder:
        """The read models of a project, as their files say now."""
        return found_in(settings.models_path)


def found_in(folder: Path) -> Folder:
    """The models of a folder. Two of one name are both wrong: nobody knows which is meant."""
    models: dict[str, Model] = {}
    bad: dict[str, errors.ModelError] = {}
    for path in file.files(folder):
        try:
            model = file.read(path)
        except errors.ModelError as error:
            bad[path.name.removesuffix(".sql")] = error
        else:
            models[model.name] = model
    for names in _called_alike(models):
        for name in names:
            others = " and ".join(models[other].where for other in names if other != name)
            bad[name] = errors.ModelError(
                f"{models[name].where}: {others} has the same name to DuckDB", hint="rename one of them"
            )
    return Folder({name: model for name, model in models.items() if name not in bad}, bad)


def _called_alike(models: Iterable[str]) -> list[list[str]]:
    by_name: dict[str, list[str]] = {}
    for name in models:
        by_name.setdefault(quoting.fold(name), []).append(name)
    return [names for names in by_name.values() if len(names) > 1]
