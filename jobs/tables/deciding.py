"""The columns that are not copied, and yet say which rows are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app import config
from jobs.tables import modes
from jobs.types.column_plan import ColumnInfo


def columns(
    spec: config.Table, relation: str, infos: Iterable[ColumnInfo], copied: Iterable[ColumnInfo]
) -> tuple[ColumnInfo, ...]:
    """The columns that are not copied, and yet say which rows are; none where all is compared.

    Of `where` each that it may name: all, where it may take the row as a whole.
    """
    if modes.WATERMARKS[spec.watermark].reads_all:
        return ()
    there, soft_column, text = {info.name for info in copied}, spec.soft_column, spec.where or ""
    whole = _may_name(text, relation)
    return tuple(
        info
        for info in infos
        if info.name not in there and (info.name == soft_column or whole or _may_name(text, info.name))
    )


def _may_name(text: str, name: str) -> bool:
    """Whether SQL may name this, in whatever case or quotes; an escaped name may be any."""
    quoted = re.escape(name.replace('"', '""').lower())
    return re.search(rf"(?<![\w$]){quoted}(?![\w$])|u&\"", text.lower()) is not None
