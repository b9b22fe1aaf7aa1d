"""Mutants of pictures and of the page: what is more than text, what is drawn wrongly, who gets in."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHARTS = "tests/unit/charts/test_charts.py::"
PAGE = "tests/acceptance/test_page.py::"
ACCESS = "tests/acceptance/test_page_access.py::"
HOSTILE_PAGE = "test_a_hostile_name_and_value_are_text_everywhere"
HOSTILE = CHARTS + "test_hostile_names_and_values_are_text_in_every_picture"

MUTANTS = (
    Mutant(
        "a backslash in a column's name ends a quote of Vega's",
        "app/charts/drawn.py",
        '.replace("\\\\", "\\N{REVERSE SOLIDUS OPERATOR}")',
        "",
        HOSTILE,
    ),
    Mutant(
        "a column's name is a path of Vega's",
        "app/charts/drawn.py",
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
    Mutant(
        "another site's page may ask",
        "app/page/gate.py",
        'return site in ("none", "same-origin") or',
        "return True or",
        ACCESS + "test_nobody_else_s_page_may_ask",
    ),
    Mutant(
        "any name is answered by the page",
        "app/page/gate.py",
        "if not all(map(self._door.knows, hosts)):",
        "if False:",
        ACCESS + "test_nobody_else_s_page_may_ask",
    ),
    Mutant(
        "the page's origin is not looked at",
        "app/page/gate.py",
        "not in [host.lower() for host in hosts]",
        "not in (urlsplit(origin).netloc.lower(),)",
        ACCESS + "test_nobody_else_s_page_may_ask",
    ),
    Mutant(
        "the page needs no token",
        "app/page/gate.py",
        "if not self._door.allows(_authorization(headers)):",
        "if False:",
        ACCESS + "test_with_a_token_nobody_gets_in_without_it",
    ),
    Mutant("a value is markup", "app/page/looks.py", "autoescape=True", "autoescape=False", PAGE + HOSTILE_PAGE),
    Mutant(
        "a text is a formula in a CSV",
        "app/page/spreadsheet.py",
        "isinstance(value, str) and value.startswith(_ACTING)",
        "False",
        PAGE + HOSTILE_PAGE,
    ),
    Mutant(
        "a link from elsewhere asks",
        "app/page/query.py",
        "if not text.strip() or _from_elsewhere(request):",
        "if not text.strip():",
        PAGE + "test_a_link_from_elsewhere_fills_the_editor_and_asks_nothing",
    ),
    Mutant(
        "rows beyond what is held are lost",
        "app/page/asked.py",
        'f"LIMIT {most + 1} OFFSET {start}"',
        'f"LIMIT {most + 1}"',
        PAGE + "test_a_million_rows_are_paged_and_downloaded_as_they_come",
    ),
    Mutant(
        "an answer of an older run is kept",
        "app/page/reader.py",
        "self.cached((what, self.version()),",
        "self.cached((what,),",
        PAGE + "test_a_publish_is_told_within_a_second_and_a_fresh_answer_is_synced_for",
    ),
    Mutant(
        "whoever dawdles stays",
        "app/page/server.py",
        "call_later(_DEADLINE, self.transport.abort)",
        "call_later(1e6, self.transport.abort)",
        ACCESS + "test_slow_clients_are_let_go_of_and_leave_room_for_others",
    ),
)
