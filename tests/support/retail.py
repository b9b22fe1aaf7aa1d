"""The Online Retail file, where there is one, and small files of its kind made for a test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.cli import ROOT

_DEFAULT = ROOT.parent / "shared" / "data" / "online_retail" / "online_retail.parquet"
_COLUMNS = (
    "invoice_no VARCHAR, stock_code VARCHAR, description VARCHAR, quantity INTEGER, invoice_date TIMESTAMP, "
    "unit_price DECIMAL(12,3), customer_id INTEGER, country VARCHAR"
)


def the_file() -> Path:
    """The real file; the test that asks for it is skipped where it is absent."""
    path = Path(os.environ.get("NEAPTIDE_RETAIL") or _DEFAULT)
    if not path.is_file():
        pytest.skip(f"the Online Retail file is not there: {path}")
    return path


def make(path: Path, rows: Sequence[tuple[Any, ...]]) -> Path:
    """A file of these rows: invoice, stock code, description, quantity, local time, price, customer, country."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE lines ({_COLUMNS})")
        if rows:
            connection.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute(f"COPY lines TO '{path}' (FORMAT parquet)")
    return path
