"""A value's text by its type's own output function. Pure.

Whoever owns a type may make a cast of it to text, and of an array of it to an array of text, with a function of their
own: it would run as the role that reads. What PostgreSQL brings along to write a value down looks for no casts.
"""

from __future__ import annotations

from jobs.types.info import TypeInfo

# By typtype: what CREATE TYPE makes for anybody. A base type takes a superuser.
_OUTPUT = {"e": "enum_out", "c": "record_out", "r": "range_out", "m": "multirange_out"}


def text(kind: TypeInfo, value: str) -> str:
    """PostgreSQL's expression for the text of a value of this type, which is no domain."""
    if kind.element is not None:
        return _written("array_out", value)
    if not _is_made(kind):
        return f"{value}::text"
    # The function for enums takes no domain over one. From a domain to what it is made of leads no function.
    return _written(_OUTPUT[kind.typtype], f"{value}::{kind.type_name}" if kind.typtype == "e" else value)


def spelled(kind: TypeInfo, value: str) -> str:
    """The value, or its text where a cast that somebody made may stand on the way to what is read of it."""
    element = kind.element
    custom = _is_made(kind) or (element is not None and (element.base is not None or _is_made(element)))
    return text(kind, value) if custom or recast(kind) else value


def recast(kind: TypeInfo) -> bool:
    """Whether somebody made a cast of this type, or of one that it is built from, with a function of their own."""
    parts = (kind.element, kind.base, kind.subtype, *(part for _, part in kind.attributes))
    return kind.recast or any(recast(part) for part in parts if part is not None)


def _is_made(kind: TypeInfo) -> bool:
    return kind.schema != "pg_catalog" and kind.typtype in _OUTPUT


def _written(function: str, value: str) -> str:
    return f"pg_catalog.textin(pg_catalog.{function}({value}))"
