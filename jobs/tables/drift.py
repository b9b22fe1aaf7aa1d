"""Says in words what differs between two signatures of a table, and which differences are the schema's. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What somebody changed on the table itself. The rest is Neaptide's own doing or leaves the shape as it was.
_SCHEMA = ("table", "key", "columns", "labels")
_WORDS = {
    "table": "the table was made anew",
    "triggers": "triggers changed",
    "followed": "a column of its key or its stamp was altered",
    "partitions": "partitions changed",
    "storage": "storage changed",
    "config": "its entry in the config changed",
    "filtering": "a function that where may call changed",
    "kind": "it is another kind of relation",
}
# What the entry's own conditions look at: where the entry changed, no words of their own.
_OF_CONFIG = ("deciding", "filtering")


def describe(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why a delta is not enough any more, one phrase each; empty where it is."""
    parts = {**new, **old}
    if old.get("config") != new["config"]:
        parts = {part: parts[part] for part in parts if part not in _OF_CONFIG}
    return [phrase for part in parts for phrase in _phrases(part, old.get(part), new.get(part))]


def hides(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether values that were copied under the old signature may be some that nobody is to see any more.

    A mask, a filter or a column left out says so; what only adds a column does not.
    """
    if not old:
        return False
    new_columns = {column["place"]: column for column in new["columns"]}
    gone = any(new_columns.get(column["place"]) != column for column in old.get("columns") or ())
    return gone or any(old.get(part) != new[part] for part in ("table", "config"))


def of_schema(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The phrases of those differences that `on_schema_change` is about."""
    return [phrase for part in _SCHEMA for phrase in _phrases(part, old.get(part), new[part])]


def _phrases(part: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if part == "columns" and isinstance(old, list):
        return list(_of_columns(old, new)) or ["columns in another order"]
    if part == "deciding":
        return list(_of_columns(old or [], new or []))
    if part == "labels":
        return list(_of_labels(old or {}, new))
    if part == "key":
        return [f"the key is now ({', '.join(new)})" if new else "the key is gone"]
    return [_WORDS.get(part, f"{part} changed")]


def _of_columns(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    """A column is known by its number in PostgreSQL, which survives a rename."""
    before, after = ({column["place"]: column for column in side} for side in (old, new))
    for place, column in before.items():
        if place not in after:
            yield f"column {column['name']} dropped"
        elif column != after[place]:
            yield _of_column(column, after[place])
    yield from (f"column {column['name']} added" for place, column in after.items() if place not in before)


def _of_column(old: dict[str, Any], new: dict[str, Any]) -> str:
    if old["name"] != new["name"]:
        return f"column {old['name']} renamed to {new['name']}"
    if old["type"] != new["type"]:
        return f"column {new['name']}: {old['type']} became {new['type']}"
    if old.get("duckdb") != new.get("duckdb"):
        return f"column {new['name']} is kept as {new['duckdb']} now"
    parts = {"generated": "its expression", "collation": "its collation", "parts": "its type's attributes"}
    changed = [words for part, words in parts.items() if old[part] != new[part]] or ["its rule"]
    return f"column {new['name']}: {' and '.join(changed)} changed"


def _of_labels(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]) -> Iterator[str]:
    """An added label changes no row. A renamed one changes rows that nobody writes. Labels are known by their oids."""
    for kind, labels in old.items():
        for oid, label in labels.items():
            now = new.get(kind, {oid: label}).get(oid)
            if now != label:
                yield f"label {label} renamed to {now}" if now else f"label {label} is gone"
