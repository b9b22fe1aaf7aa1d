"""A branch's SELECT put together again, with other relations in place of its inputs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobs import quoting
from jobs.models import place
from jobs.models.analysis.shapes import Branch, Occurrence, Term

_NUMBER = re.compile(r"-?\d+")


def fields(branch: Branch) -> list[str]:
    """The branch's own SELECT list."""
    return [f"{one.term.text} AS {quoting.identifier(one.name)}" for one in branch.outputs]


def select(branch: Branch, wanted: Iterable[str], instead: Mapping[str, str], joined: str = "") -> str:
    """The SELECT of these fields, read from the file, `instead` (by alias) from other relations; `joined` is a last
    join for the rows of all inputs.
    """
    distinct = "DISTINCT " if branch.distinct else ""
    text = f"SELECT {distinct}{', '.join(wanted)} FROM {_joined(branch, instead)}{joined}"
    if branch.where:
        text += " WHERE " + " AND ".join(f"({term.text})" for term in branch.where)
    if branch.groups is not None:
        text += f" GROUP BY {', '.join(_unnumbered(branch)) or '()'}"
    return text + (f" HAVING {branch.having}" if branch.having else "")


def _unnumbered(branch: Branch) -> list[str]:
    # A number by itself would be a place in the SELECT list.
    return [f"{term.text} + 0" if _NUMBER.fullmatch(term.text) else term.text for term in branch.groups or ()]


def _joined(branch: Branch, instead: Mapping[str, str]) -> str:
    text = ""
    for one in branch.occurrences:
        source = f"{instead.get(one.alias) or place.out(one.table)} AS {quoting.identifier(one.alias)}"
        text += (_join(one) if text else "") + source + (_on(one) if text else "")
    return text


def _join(one: Occurrence) -> str:
    if one.optional:
        return " LEFT JOIN "
    return " JOIN " if one.on else " CROSS JOIN "


def _on(one: Occurrence) -> str:
    if not one.on:
        return " ON true" if one.optional else ""
    return f" ON {' AND '.join(f'({term.text})' for term in one.on)}"


def same(terms: Mapping[str, Term], nulls: Iterable[str]) -> str:
    """The condition that a key's expressions are those of a row `neaptide_k` of keys, of which `nulls` may be NULL."""
    nulls = set(nulls)
    return " AND ".join(
        f"{term.text} {'IS NOT DISTINCT FROM' if name in nulls else '='} neaptide_k.{quoting.identifier(name)}"
        for name, term in terms.items()
    )


def own(key: Iterable[str]) -> dict[str, Term]:
    """The columns of a key in a table that is called `t`."""
    return {name: Term(f"t.{quoting.identifier(name)}") for name in key}


def delete(table: str, key: Iterable[str], keys: str, nulls: Iterable[str]) -> str:
    """A DELETE of a table's rows whose key is one of these, of which `nulls` may be NULL.

    Column by column, and not as rows: DuckDB then leaves out what lies beyond the least and the greatest key (4 of 5 M
    rows by two columns: 2 ms in place of 35).
    """
    return f"DELETE FROM {table} AS t USING {keys} AS neaptide_k WHERE {same(own(key), nulls)}"


def mentioned(branch: Branch, columns: Iterable[str]) -> list[str]:
    """The columns of an input that the branch may read: those whose names stand somewhere in it. Never none."""
    texts = [one.term.text for one in branch.outputs] + [term.text for term in (*branch.where, *(branch.groups or ()))]
    texts += [branch.having, *(term.text for one in branch.occurrences for term in one.on)]
    text, columns = quoting.fold("\n".join(texts)), list(columns)
    return [name for name in columns if quoting.fold(name.replace('"', '""')) in text] or columns[:1]
