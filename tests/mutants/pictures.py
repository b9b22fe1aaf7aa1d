"""Mutants of pictures and of the page: what is more than text, what is drawn wrongly, who gets in."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHARTS = "tests/unit/test_charts.py::"
HOSTILE = CHARTS + "test_hostile_names_and_values_are_text_in_every_picture"

MUTANTS = (
    Mutant(
        "a backslash in a column's name ends a quote of Vega's",
        "app/charts/vega.py",
        '.replace("\\\\", "\\N{REVERSE SOLIDUS OPERATOR}")',
        "",
        HOSTILE,
    ),
    Mutant(
        "a column's name is a path of Vega's",
        "app/charts/vega.py",
        'return f"c{self.result.columns.index(name)}"',
        "return name",
        HOSTILE,
    ),
    Mutant(
        "a value ends the script that it stands in",
        "app/charts/picture.py",
        '.replace("<", "\\\\u003c")',
        "",
        HOSTILE,
    ),
    Mutant("a cell is markup", "app/charts/picture.py", "<td{kind}>{escape(cell)}", "<td{kind}>{cell}", HOSTILE),
    Mutant(
        "rows that a chart can't tell apart are drawn over each other",
        "app/charts/choice.py",
        "for row in result.rows}) == len(result.rows)",
        "for row in result.rows}) > 0",
        CHARTS + "test_without_a_head_the_columns_choose",
    ),
)
