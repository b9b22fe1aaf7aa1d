"""SQL as DuckDB's own scanner cuts it: where a statement ends, what EXPLAIN explains, what PIVOT turns.

Nothing here decides what may run: whatever is cut out or put in, `app.reporting.guard` judges the text that comes of
it, as DuckDB parses it. So a cut in the wrong place makes a query fail, no more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import duckdb

_OPEN, _CLOSE = ("(", "[", "{"), (")", "]", "}")
_PIVOT = ("PIVOT", "PIVOT_WIDER")
# What may stand behind the columns that a PIVOT turns.
_AFTER_PIVOT = frozenset(("USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", ";"))
_EXPLAIN_WORDS = frozenset(["ANALYZE", "FORMAT", "TEXT", "JSON", "HTML", "GRAPHVIZ", "YAML", "MERMAID"])
# Values that are found in the data when the query runs.
_SOME_VALUES = " IN (0) "


@dataclass(frozen=True)
class Token:
    """One piece of a statement: where it begins, in bytes, and its text in capitals up to the next white space."""

    at: int
    word: str


def scan(sql: str) -> list[Token]:
    """The statement's tokens, without comments."""
    data = sql.encode()
    places = [place for place, _ in duckdb.tokenize(sql)]
    pairs = itertools.pairwise([*places, len(data)])
    return [Token(at, _word(data[at:end].decode(errors="replace"))) for at, end in pairs]


def _word(text: str) -> str:
    if text[:1].isalpha():
        return next((text[:n] for n, char in enumerate(text) if not (char.isalnum() or char == "_")), text).upper()
    return text[:1]


def without_end(sql: str) -> str:
    """The statement without the semicolons behind it."""
    if ";" not in sql:
        return sql
    cut = None
    for token in reversed(scan(sql)):
        if token.word != ";":
            break
        cut = token.at
    return sql if cut is None else sql.encode()[:cut].decode()


def explained(sql: str) -> tuple[str, str] | None:
    """What stands in front of the explained statement, written anew, and that statement; None without an EXPLAIN."""
    tokens = scan(sql)
    if not tokens or tokens[0].word != "EXPLAIN":
        return None
    options, rest = _options(tokens[1:])
    if not rest:
        return None
    return f"EXPLAIN {options}\n", sql.encode()[rest[0].at :].decode()


def _options(tokens: list[Token]) -> tuple[str, list[Token]]:
    """`ANALYZE` or `(ANALYZE, FORMAT JSON)`, and the tokens behind it."""
    if tokens and tokens[0].word == "ANALYZE":
        return "ANALYZE", tokens[1:]
    words = [token.word for token in tokens]
    if words[:1] == ["("] and ")" in words:
        end = words.index(")")
        inside = words[1:end]
        if inside and all(word in _EXPLAIN_WORDS or word == "," for word in inside):
            return f"({' '.join(inside)})", tokens[end + 1 :]
    return "", tokens


def with_pivot_values(sql: str) -> str:
    """The statement with a list of values behind every column that a PIVOT turns without one.

    Without a list DuckDB makes two statements of it, whose form it doesn't tell; with one it is a SELECT like any
    other, of the same tables and functions.
    """
    tokens = scan(sql)
    places = {end for start, token in enumerate(tokens) if token.word in _PIVOT for end in _unlisted(tokens, start)}
    data = sql.encode()
    for place in sorted(places, reverse=True):
        at = tokens[place].at if place < len(tokens) else len(data)
        # On a line of its own, for a comment may stand in front of it.
        data = data[:at] + f"\n{_SOME_VALUES}".encode() + data[at:]
    return data.decode()


def _unlisted(tokens: list[Token], start: int) -> list[int]:
    """Behind which tokens a column ends that this PIVOT turns without a list of values."""
    ends: list[int] = []
    listed = turning = False
    depth = 0
    place = start
    for place in range(start + 1, len(tokens) + 1):
        word = tokens[place].word if place < len(tokens) else ";"
        depth += (word in _OPEN) - (word in _CLOSE)
        if depth < 0 or (depth == 0 and turning and (word == "," or word in _AFTER_PIVOT)):
            ends += [place] if turning and not listed else []
            listed = False
            if word != ",":
                break
        elif depth == 0 and word == "ON":
            # The first one may be that of a join.
            turning, listed, ends = True, False, []
        elif depth == 0 and word == "IN":
            listed = True
    return ends


def of_view(sql: str) -> tuple[list[str], str]:
    """The column names, where there are any, and the query of a CREATE VIEW, as DuckDB writes it."""
    tokens, data = scan(sql), sql.encode()
    place = next((n for n, token in enumerate(tokens) if token.word == "AS"), len(tokens) - 1)
    opened = [n for n in range(place) if tokens[n].word == "("]
    columns = []
    if opened:
        ends = range(opened[0] + 1, place)
        columns = [_name(data[tokens[n].at : tokens[n + 1].at].decode()) for n in ends if tokens[n].word not in ",)"]
    start = tokens[place + 1].at if place + 1 < len(tokens) else len(data)
    return columns, without_end(data[start:].decode())


def _name(text: str) -> str:
    """An identifier without its quotes."""
    text = text.strip()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
