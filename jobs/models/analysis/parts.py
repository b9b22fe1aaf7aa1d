"""A SELECT taken apart into what can be kept by its keys: branches of joins, conditions, groups and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from jobs import quoting
from jobs.models import selecting
from jobs.models.analysis import functions, joins, repeatable, tree, values
from jobs.models.analysis.names import Names
from jobs.models.analysis.refusal import Whole
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Aggregate, Branch, Output, Term
from jobs.models.analysis.tree import Node

_ALONE = "make it a model of its own"


def selects(query: Node) -> Iterator[Node]:
    """The SELECTs that UNION ALL ties together. Raises `Whole` for anything else."""
    if query["cte_map"]["map"]:
        raise Whole("WITH", "make each of its parts a model of its own")
    if any(one["type"] == "ORDER_MODIFIER" for one in query["modifiers"]):
        raise Whole("ORDER BY, which has no meaning in a table", "leave it out")
    if query["type"] == "SET_OPERATION_NODE":
        if query["setop_type"] != "UNION" or not query["setop_all"] or query["modifiers"]:
            raise Whole(f"{query['setop_type']}: of these only UNION ALL is followed", "take UNION ALL")
        for side in query.get("children") or (query["left"], query["right"]):
            yield from selects(side)
    elif query["type"] == "SELECT_NODE":
        yield query
    else:
        raise Whole("a recursive query")


def branch(select: Node, scratch: Scratch, columns: Sequence[str]) -> Branch:
    """One SELECT; `columns` are the names of its outputs. Raises `Whole`, and `Refused` for a name of two meanings."""
    if select["qualify"]:
        raise Whole("QUALIFY", _ALONE)
    inputs = joins.inputs(select["from_table"], scratch)
    items = select["select_list"]
    names = Names(scratch, [one for one, _, _ in inputs], items)
    occurrences = joins.occurrences(inputs, names)
    where = tuple(names.term(part) for part in tree.conjuncts(select["where_clause"]))
    grouped = _is_grouped(select, scratch)
    outputs = _outputs(select, columns, names, scratch, grouped=grouped)
    candidate = Branch(
        occurrences, outputs, where, _groups(select, names, outputs, scratch) if grouped else None,
        names.term(select["having"], strict=True).text if select["having"] else "",
        any(one["type"] == "DISTINCT_MODIFIER" for one in select["modifiers"]),
    )  # fmt: skip
    _check_again(candidate, scratch)
    return candidate


def _check_again(candidate: Branch, scratch: Scratch) -> None:
    """Put together again it has to be of the same types, down to the names of fields."""
    tables = {one.alias: quoting.qualified(*quoting.split_name(one.table)) for one in candidate.occurrences}
    text = selecting.select(candidate, selecting.fields(candidate), tables)
    try:
        kinds = [kind for _, kind in scratch.described(text)]
    except duckdb.Error as error:
        raise Whole(f"taken apart, DuckDB does not understand it: {str(error).splitlines()[0]}") from error
    if kinds != [one.type for one in candidate.outputs]:
        raise Whole("taken apart it has other types", "cast its columns")


def _is_grouped(select: Node, scratch: Scratch) -> bool:
    if len(select["group_sets"]) > 1:
        raise Whole("GROUPING SETS, ROLLUP or CUBE", "write a model for each, or UNION ALL")
    return (
        bool(select["group_sets"])
        or select["aggregate_handling"] == "FORCE_AGGREGATES"
        or any(repeatable.aggregates(part, scratch) for part in (*select["select_list"], select["having"]))
    )


def _groups(select: Node, names: Names, outputs: tuple[Output, ...], scratch: Scratch) -> tuple[Term, ...]:
    if select["aggregate_handling"] == "FORCE_AGGREGATES":
        return _all_groups(outputs)
    terms = []
    for group in select["group_expressions"]:
        number = group["value"]["value"] if group["class"] == "CONSTANT" else None
        if isinstance(number, int) and 0 < number <= len(outputs):
            terms.append(outputs[number - 1].term)
        elif group["class"] == "CONSTANT":
            raise Whole("GROUP BY a value that is no column")
        else:
            terms.append(_named(names.term(group, strict=True), outputs))
    return tuple(terms)


def _all_groups(outputs: tuple[Output, ...]) -> tuple[Term, ...]:
    terms = tuple(one.term for one in outputs if not one.aggregates)
    if terms and not any(term.refs for term in terms):
        # DuckDB leaves constants out of it, and makes a row of no rows.
        raise Whole("GROUP BY ALL with constants alone", "leave it out")
    return terms


def _named(term: Term, outputs: tuple[Output, ...]) -> Term:
    """A group that is called like an item that is a constant has to be written as the item is."""
    same = (one.term for one in outputs if one.term.text == _cast(term.text, one.type))
    return next(same, term)


def _outputs(
    select: Node, columns: Sequence[str], names: Names, scratch: Scratch, *, grouped: bool
) -> tuple[Output, ...]:
    items = select["select_list"]
    kinds = [kind for _, kind in scratch.described(tree.query_text(scratch.connection, select))]
    if not len(items) == len(columns) == len(kinds):
        raise Whole("an item of the list makes several columns", "name each")
    outputs = []
    for item, name, kind in zip(items, columns, kinds, strict=True):
        term = names.term(item)
        if grouped and item["class"] == "CONSTANT":
            # In GROUP BY a bare number would be the place of an item.
            term = Term(_cast(term.text, kind))
        aggregates = repeatable.aggregates(item, scratch)
        outputs.append(Output(name, kind, term, aggregates, _aggregate(select, item, kind, names, scratch)))
    return tuple(outputs)


def _cast(text: str, kind: str) -> str:
    return f"CAST({text} AS {kind})"


def _aggregate(select: Node, item: Node, kind: str, names: Names, scratch: Scratch) -> Aggregate | None:
    """What an item is where it is nothing but an aggregate, in a cast that keeps sums additive at most."""
    call = item
    if item["class"] == "CAST" and not item["try_cast"]:
        call = item["child"]
    if not functions.is_aggregate(call, scratch.functions):
        return None
    name = call["function_name"].lower()
    if call is not item and (name != "sum" or not values.keeps_sums(_type(select, call, scratch), kind)):
        return None
    argument = names.term(call["children"][0]) if call["children"] else Term("")
    given = names.term(call["filter"]).text if call["filter"] else ""
    return Aggregate(name, argument.text, given, call["distinct"], argument.column)


def _type(select: Node, call: Node, scratch: Scratch) -> str:
    """The DuckDB type of an aggregate."""
    # Without what may name an item of the list that is left out.
    alone = tree.selecting([{**call, "alias": ""}], select["from_table"])
    return scratch.described(tree.query_text(scratch.connection, alone))[0][1]
