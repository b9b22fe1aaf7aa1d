"""Masks: what the file holds instead of a clear value. PostgreSQL computes them, so the clear value never leaves it.

`hash` is HMAC-SHA256 of the value's text (RFC 2104). What HMAC makes of the key, its two pads, is given to each reading
transaction as a setting. It is not in the statements, which are shown to other sessions and may be logged, nor in the
packet that begins a connection, which is sent before the server has shown who it is.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Literal

from jobs.types.column_plan import ColumnPlan

Mask = Literal["hash", "null", "redact", "partial"]

_INNER, _OUTER = "neaptide.mask_inner", "neaptide.mask_outer"
_SHORTEST = 8  # characters; a part of a shorter text says too much
_SHOWN = 4

_NOTES: dict[Mask, str] = {
    "hash": "masked: a keyed hash, the same for the same value",
    "null": "masked: always NULL",
    "redact": "masked: *** for any value",
    "partial": f"masked: **** and the last {_SHOWN} characters",
}


def masked(plan: ColumnPlan, how: Mask) -> ColumnPlan:
    """The plan of a column that is masked. NULL stays NULL, which tells that there is no value."""
    if how == "null":
        return replace(
            plan, source_sql="CAST(NULL AS text)", target_sql=f"CAST(NULL AS {plan.duckdb_type})", lossless=False,
            note=_NOTES[how], rule=None, lossy_sql=None,
        )  # fmt: skip
    return replace(
        plan, source_sql=_expression(plan.key_text_sql, how), target_sql=_name(plan), duckdb_type="VARCHAR",
        lossless=False, note=_NOTES[how], rule=None, lossy_sql=None, exact_sql=_name(plan),
        # What is masked is the text, and some values that are equal have several.
        same_equality=plan.same_equality and plan.exact_sql == _name(plan),
    )  # fmt: skip


def of_text(text: str, how: Mask) -> str:
    """PostgreSQL's expression for what is left of a value whose text is that expression's."""
    return "CAST(NULL AS text)" if how == "null" else _expression(text, how)


def hidden(pads: str, nonce: str) -> str:
    """The pads as they may be shown to anybody who does not know the nonce, which is used once: a one-time pad."""
    return f"{int(pads, 16) ^ int(nonce, 16):0{len(pads)}x}"


def version(key: str | None) -> str:
    """What changes when the key does, and says nothing of it."""
    return hmac.digest(key.encode(), b"neaptide mask version", "sha256").hex()[:16] if key else ""


def _expression(text: str, how: Mask) -> str:
    if how == "hash":
        inner = f"sha256({_setting(_INNER)} || convert_to({text}, 'UTF8'))"
        return f"encode(sha256({_setting(_OUTER)} || {inner}), 'hex')"
    if how == "redact":
        return f"CASE WHEN {text} IS NOT NULL THEN '***' END"
    long = f"length({text}) >= {_SHORTEST}"
    return f"CASE WHEN {long} THEN '****' || right({text}, {_SHOWN}) WHEN {text} IS NOT NULL THEN '****' END"


def _setting(name: str) -> str:
    return f"decode(current_setting('{name}'), 'hex')"


def _name(plan: ColumnPlan) -> str:
    """The column's quoted name in DuckDB, which is what the plain plan of a text column reads."""
    return '"' + plan.name.replace('"', '""') + '"'
