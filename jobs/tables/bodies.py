"""Reads the body of a PL/pgSQL trigger function that does nothing but assign columns of NEW. Pure.

Anything else, a branch, a query, a declaration, is not understood, and says so: what a function may do besides is
nobody's guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# A column of NEW and what it is assigned: the expression's tokens, each one space apart.
Assignment = tuple[str, str]

# Comments nest in PostgreSQL. One within another, an escape string and the like match nothing here.
_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)
    |(?P<name>[a-z_][a-z0-9_$]*(?![\w$'"&]))
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<other>'[^'\\]*'|:=|::|[0-9]+(?:\.[0-9]+)?|[-+*/<>=|(),.;])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.ASCII,
)


@lru_cache(maxsize=1024)
def assignments(body: str) -> tuple[Assignment, ...] | None:
    """What the body assigns, in its order, if it is `BEGIN NEW.a := …; NEW.b := …; RETURN NEW; END`; else None."""
    tokens = _tokens(body)
    statements = _statements(tokens) if tokens else None
    if not statements or statements.pop() != ["return", "new"]:
        return None
    parsed = [_assignment(statement) for statement in statements]
    return tuple(one for one in parsed if one) if all(parsed) else None


def _tokens(body: str) -> list[str] | None:
    """Names as PostgreSQL folds them; quoted ones keep their quotes, unless those change nothing."""
    tokens: list[str] = []
    end = 0
    while end < len(body):
        match = _TOKEN.match(body, end)
        if match is None:
            return None
        end = match.end()
        if match["name"]:
            tokens.append(match["name"].lower())
        elif not match["blank"]:
            tokens.append(match[0])
    return tokens


def _statements(tokens: list[str]) -> list[list[str]] | None:
    """The statements between BEGIN and END."""
    if tokens[-1] == ";":
        tokens = tokens[:-1]
    if len(tokens) < 2 or tokens[0] != "begin" or tokens[-1] != "end" or tokens[-2] != ";":
        return None
    return list(_split(tokens[1:-1]))


def _split(tokens: list[str]) -> Iterator[list[str]]:
    statement: list[str] = []
    for one in tokens:
        if one == ";":
            yield statement
            statement = []
        else:
            statement.append(one)


def _assignment(tokens: list[str]) -> Assignment | None:
    if len(tokens) < 5 or tokens[:2] != ["new", "."] or tokens[3] not in (":=", "="):
        return None
    return column_name(tokens[2]), " ".join(tokens[4:])


def column_name(token: str) -> str:
    """The name that an identifier stands for."""
    return token[1:-1].replace('""', '"') if token.startswith('"') else token
