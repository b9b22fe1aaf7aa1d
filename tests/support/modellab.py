"""Read models beside a lab's target, and a comparison of them with their SELECTs that shares no code with it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from jobs import quoting
from tests.support.syncing import Lab


def write(lab: Lab, name: str, select: str, key: str = "") -> None:
    """Write a model's file."""
    folder = lab.folder / "models"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sql").write_text((f"-- key: {key}\n" if key else "") + select + "\n")


def remove(lab: Lab, name: str) -> None:
    """Take a model's file away."""
    (lab.folder / "models" / f"{name}.sql").unlink()


def names(path: Path) -> set[str]:
    """The models that stand in a file, as tables or views."""
    with duckdb.connect(str(path), read_only=True) as file:
        query = (
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'models'"
            " UNION ALL SELECT view_name FROM duckdb_views() WHERE schema_name = 'models'"
        )
        return {name for (name,) in file.execute(query).fetchall()}


def difference(path: Path, name: str, select: str) -> int:
    """How many rows of a model differ from its SELECT over the same file, told by their text: 0 is not -0."""
    with duckdb.connect(str(path), read_only=True) as file:
        file.execute("SET TimeZone = 'UTC'")
        columns = [row[0] for row in file.execute(f"DESCRIBE {select}").fetchall()]
        fields = ", ".join(f"{quoting.identifier(column)}::VARCHAR" for column in columns)
        one, other = f"SELECT {fields} FROM models.{name}", f"SELECT {fields} FROM ({select})"
        query = f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
        found = file.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def check(lab: Lab, *absent: str, both: bool = False) -> None:
    """Every model with a file stands in the published file, but those `absent`, and is equal to its SELECT.

    `both`: in the other file, too, which is of a run before.
    """
    texts = {path.stem: _select(path) for path in (lab.folder / "models").glob("*.sql")}
    for path in lab.both if both else lab.both[:1]:
        assert names(path) == texts.keys() - set(absent), path
        for name in texts.keys() - set(absent):
            assert difference(path, name, texts[name]) == 0, (path, name)


def _select(path: Path) -> str:
    return re.sub(r"^--.*\n", "", path.read_text(), flags=re.MULTILINE)
