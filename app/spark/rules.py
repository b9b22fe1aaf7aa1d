"""Which rule carries which class of DuckDB's expressions over to Spark."""

from __future__ import annotations

from app.spark import calls, operators, windows
from app.spark.expressions import Rule

RULES: dict[str, Rule] = {
    "COLUMN_REF": operators.column,
    "COMPARISON": operators.comparison,
    "BETWEEN": operators.between,
    "CONJUNCTION": operators.conjunction,
    "OPERATOR": operators.operator,
    "CASE": operators.case,
    "CAST": operators.cast,
    "SUBQUERY": operators.subquery,
    "FUNCTION": calls.typed,
    "WINDOW": windows.typed,
}
