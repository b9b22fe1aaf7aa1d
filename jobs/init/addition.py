"""What `init` proposes of one of several sources: what its entries don't mean yet, under names that are free. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app import config
from jobs import quoting
from jobs.init.choice import Choice, Proposal
from jobs.tables import patterns


def of(proposal: Proposal, source: str, tables: Sequence[config.Table]) -> Proposal:
    """The proposal as entries of this source, beside those of `tables`, which the config has by now.

    A table that another source has the name of in the file gets the source's name for its schema there.
    """
    mine = [spec for spec in tables if spec.source == source]
    others = [spec for spec in tables if spec.source != source]
    new = [one for one in proposal.choices if not _is_meant(one, mine)]
    return replace(proposal, choices=[_named(one, source, others) for one in new])


def _is_meant(choice: Choice, specs: Iterable[config.Table]) -> bool:
    schema, name = quoting.split_name(choice.name)
    return any(patterns.Pattern.parse(spec.name).matches(schema, name) for spec in specs)


def _named(choice: Choice, source: str, others: Sequence[config.Table]) -> Choice:
    schema, name = quoting.split_name(str(choice.values.get("rename", choice.name)))
    entry = {"name": choice.values["name"], "source": source, **choice.values}
    beside = _schemas(others)
    if beside.get(quoting.fold(schema), schema) != schema or any(
        patterns.claims(spec, schema, name) for spec in others
    ):
        other = source if schema == "public" else f"{source}_{schema}"
        other = other if patterns.problem((other, name), "") is None else f"source_{other}"
        entry["rename"] = quoting.join_name(other, name)
    return replace(choice, values=entry)


def _schemas(specs: Iterable[config.Table]) -> dict[str, str]:
    """The schemas that entries name in the file: DuckDB can't tell two apart that differ in case."""
    names = (patterns.Pattern.parse(spec.rename or spec.name).schema for spec in specs)
    return {quoting.fold(one): one for one in map(quoting.unquoted, (name for name in names if "*" not in name))}
