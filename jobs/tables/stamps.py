"""Which column says when a row was written: the config's `stamp`, or what its mode stamps by default. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app import config
from jobs.position.watermark import Stamp
from jobs.tables import modes
from jobs.tables.triggers import Trigger
from jobs.types.column_plan import ColumnInfo

_SAYS_UTC = re.compile(r"(?i)time\s+zone\s+'utc'|timezone\s*\(\s*'utc'")


def column(spec: config.Table, infos: Iterable[ColumnInfo]) -> str:
    """The config's `stamp`, else what its mode stamps by default."""
    kinds = {info.name: info.type.resolved.name for info in infos}
    return spec.stamp or modes.WATERMARKS[spec.watermark].stamp_column(kinds)


def there(spec: config.Table, infos: Iterable[ColumnInfo]) -> Stamp | None:
    """The stamp that the table has; None where its mode needs none, or it is yet to be added."""
    mode, columns = modes.WATERMARKS[spec.watermark], {info.name: info for info in infos}
    info = columns.get(column(spec, columns.values())) if mode.stamped else None
    if info is None:
        return None
    kind = info.type.resolved
    return Stamp(info.name, mode.name, zoned=kind.name != "timestamp", rounded=kind.typmod != -1)


def to_come(spec: config.Table, infos: Iterable[ColumnInfo]) -> Stamp | None:
    """The stamp that `track` has yet to add."""
    mode = modes.WATERMARKS[spec.watermark]
    return Stamp(column(spec, infos), mode.name) if mode.stamped else None


def means_utc(name: str, infos: Iterable[ColumnInfo], triggers: Iterable[Trigger]) -> bool:
    """Whether the owner means UTC by a stamp without a zone: by its default, or by a trigger."""
    default = next((info.default for info in infos if info.name == name), None)
    owners = (t.function.source for t in triggers if not t.ours and t.mentions(name))
    return any(_SAYS_UTC.search(text) for text in (default or "", *owners))
