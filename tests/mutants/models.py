"""Mutants of the analysis of read models, and of what may be read of them."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ANALYSIS = "tests/unit/test_models_analysis.py::"
CHEAPEST = ANALYSIS + "test_the_cheapest_exact_upkeep"
REFUSED = ANALYSIS + "test_what_need_not_give_the_same_rows_is_an_error"
_ANALYSIS = "jobs/models/analysis/"

MUTANTS = (
    Mutant(
        "the hidden columns behind sums can be read",
        "app/reporting/exposure.py",
        "        if _is_behind(*name):\n            return False\n",
        "",
        "tests/integration/test_models_read.py::test_what_lies_behind_sums_is_nobody_s_to_read",
    ),
    Mutant(
        "a model's key may come from a side that may be absent",
        _ANALYSIS + "kinds.py",
        "sorted(output.term.refs & branch.optional)",
        "[]",
        CHEAPEST,
    ),
    Mutant(
        "a model is followed through a condition that may hold for an absent row",
        _ANALYSIS + "joins.py",
        "if term.equal is None:",
        "if False:",
        CHEAPEST,
    ),
    Mutant(
        "an inner join on a side that may be absent is followed",
        _ANALYSIS + "joins.py",
        "if not one.optional:",
        "if False:",
        CHEAPEST,
    ),
    Mutant(
        "a cast that rounds is added up and taken away",
        _ANALYSIS + "values.py",
        "return scale is None or int(wanted[2]) >= int(scale[2])",
        "return True",
        CHEAPEST,
    ),
    Mutant(
        "HAVING is kept by adding and taking away",
        _ANALYSIS + "kinds.py",
        "    if only.having:\n",
        "    if False:\n",
        CHEAPEST,
    ),
    Mutant(
        "sums of floats are taken for exact",
        _ANALYSIS + "values.py",
        "    if _EXACT.fullmatch(kind):\n",
        "    if True:\n",
        REFUSED,
    ),
    Mutant(
        "groups of floats are taken for the same",
        _ANALYSIS + "values.py",
        'return _UNSURE.search(_QUOTED.sub("", kind)) is not None',
        "return False",
        REFUSED,
    ),
    Mutant(
        "a subquery's sums are not looked at",
        _ANALYSIS + "repeatable.py",
        "    for scope in scopes(query):\n        _check_types",
        "    for scope in list(scopes(query))[:1]:\n        _check_types",
        REFUSED,
    ),
    Mutant(
        "age of a moment is taken for consistent",
        _ANALYSIS + "functions.py",
        'or (name == "age" and len(node["children"]) == 1)',
        "",
        REFUSED,
    ),
    Mutant(
        "a window's frame may cut equal rows apart",
        _ANALYSIS + "functions.py",
        'node["start"] != "UNBOUNDED_PRECEDING" or node["end"] not in _PEERS or ',
        "",
        REFUSED,
    ),
    Mutant(
        "a name of two meanings is taken for the column",
        _ANALYSIS + "names.py",
        "if strict and item is not None and depth == 0 and not self._is_same(item, column):",
        "if False:",
        REFUSED,
    ),
)
