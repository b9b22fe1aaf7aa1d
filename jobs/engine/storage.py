"""How the file's columns are stored: what DuckDB chooses, but for values of 128 bits and for floats.

Left to itself DuckDB packs those into the fewest bits, and unpacking them takes ten to a hundred times as long as
reading them: of 5 M rows a UUID out of 4,000 takes 80 ms instead of 8, a numeric(38,2) below 10,000 takes 820 ms. In
runs (16 bytes of value and 2 of length for as often as it is repeated) both take 12, and what is repeated, such as an
order's id in its lines or a zero, takes next to no room.

Runs hold 0 and -0 for one value (measured on 1.5.5), so floats are kept away from them: ALP tells the two apart. A
block that holds nothing but zeros is left: DuckDB writes its first value for all, and nothing keeps it from that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobs import quoting

_DECIMAL = re.compile(r"DECIMAL\((\d+),\d+\)")
# DuckDB keeps a DECIMAL of more digits in 128 bits.
_DIGITS = 18
_FLOATS = ("FLOAT", "DOUBLE")
_WIDE = ("UUID", "HUGEINT", "UHUGEINT")


def defined(name: str, duckdb_type: str, key: Sequence[str]) -> str:
    """The definition of a column of this name and type in a table with this key."""
    return f"{quoting.identifier(name)} {duckdb_type}{_compression(name, duckdb_type, key)}"


def _compression(name: str, duckdb_type: str, key: Sequence[str]) -> str:
    if duckdb_type in _FLOATS:
        return " USING COMPRESSION alp"
    if not _is_wide(duckdb_type):
        return ""
    # A key is never repeated.
    return f" USING COMPRESSION {'uncompressed' if tuple(key) == (name,) else 'rle'}"


def _is_wide(duckdb_type: str) -> bool:
    decimal = _DECIMAL.fullmatch(duckdb_type)
    return duckdb_type in _WIDE or bool(decimal and int(decimal[1]) > _DIGITS)
