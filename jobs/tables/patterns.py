"""Which relations of the source the config's entries mean, and what each is called in the file. Pure but for names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app import config, errors, nearest
from jobs import quoting

# Schemas that DuckDB has of its own, or takes for something else in a query.
_RESERVED = ("neaptide", "information_schema", "pg_catalog", "temp", "system")


@dataclass(frozen=True)
class Pattern:
    """A table's name, each part with or without a `*` that stands for anything."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str, schema: str = "public") -> Pattern:
        """From the config; a name without a dot lies in `schema`. Parts keep their quotes."""
        parts = quoting.raw_split(text)
        return cls(*parts) if len(parts) == 2 else cls(quoting.identifier(schema), parts[0])

    @property
    def is_wild(self) -> bool:
        return any(map(_is_wild, (self.schema, self.name)))

    def matches(self, schema: str, name: str) -> bool:
        """Whether a table of this name is meant."""
        return all(
            re.fullmatch(_glob(part, ".*", re.escape), given, re.DOTALL)
            for part, given in ((self.schema, schema), (self.name, name))
        )

    def like(self) -> tuple[str, str]:
        """Both parts as patterns of PostgreSQL's LIKE; as they are where the name is no pattern."""
        if not self.is_wild:
            return quoting.unquoted(self.schema), quoting.unquoted(self.name)
        return _glob(self.schema, "%", _like_escaped), _glob(self.name, "%", _like_escaped)


def _is_wild(part: str) -> bool:
    return not part.startswith('"') and "*" in part


def _glob(part: str, anything: str, escape: object) -> str:
    assert callable(escape)
    if not _is_wild(part):
        return str(escape(quoting.unquoted(part)))
    return anything.join(escape(piece) for piece in part.split("*"))


def _like_escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def is_excluded(spec: config.Table, everywhere: Iterable[str], schema: str, name: str) -> bool:
    """Whether the pattern `spec`, or the config as a whole, leaves this table out.

    Raises `errors.ConfigError` where an entry names a table that the config excludes.
    """
    given = Pattern.parse(spec.name)
    if any(Pattern.parse(text, schema).matches(schema, name) for text in spec.exclude):
        return True
    for text in everywhere:
        if Pattern.parse(text).matches(schema, name):
            if not given.is_wild:
                raise errors.ConfigError(
                    f"{spec.name} is among the [[tables]] and in exclude", hint="remove it from one of them"
                )
            return True
    return False


def name_in_file(spec: config.Table, schema: str, name: str) -> tuple[str, str]:
    """Schema and name of a table in the file."""
    if spec.rename is None:
        return schema, name
    if spec.is_pattern:
        return quoting.split_name(spec.rename)[0], name
    return quoting.split_name(spec.rename)


def claims(spec: config.Table, schema: str, name: str) -> bool:
    """Whether the entry may mean a table that is called so in the file."""
    if not spec.is_pattern:
        return _folded(quoting.split_name(spec.rename or spec.name)) == _folded((schema, name))
    pattern = Pattern.parse(spec.name)
    if spec.rename is not None:
        pattern = Pattern(quoting.identifier(quoting.split_name(spec.rename)[0]), pattern.name)
    return pattern.matches(schema, name)


def _folded(name: tuple[str, str]) -> tuple[str, str]:
    return quoting.fold(name[0]), quoting.fold(name[1])


def problem(target: tuple[str, str], file_stem: str) -> errors.ConfigError | None:
    """Why DuckDB can't have a table of this name, or None."""
    schema = quoting.fold(target[0])
    hint = 'give it another schema in the file: rename = "other.…"'
    if schema in _RESERVED:
        return errors.ConfigError(f"the schema {target[0]} is taken in a DuckDB file", hint=hint)
    if schema == quoting.fold(file_stem):
        return errors.ConfigError(
            f"the schema {target[0]} is called like the file, so DuckDB could not tell which one a query means",
            hint=f"name the file otherwise ([target] path), or {hint}",
        )
    return None


def twins(targets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], errors.ConfigError]:
    """The names that DuckDB can't tell from another: it ignores the case of ASCII letters."""
    tables, schemas = defaultdict(set), defaultdict(set)
    for schema, name in targets:
        tables[quoting.fold(schema), quoting.fold(name)].add((schema, name))
        schemas[quoting.fold(schema)].add(schema)
    failures = {}
    for target in set(targets):
        same = tables[quoting.fold(target[0]), quoting.fold(target[1])]
        if len(same) > 1 or targets.count(target) > 1:
            failures[target] = _twin("tables", {quoting.join_name(*one) for one in same}, target)
        elif len(schemas[quoting.fold(target[0])]) > 1:
            failures[target] = _twin("schemas", schemas[quoting.fold(target[0])], target)
    return failures


def of_history(
    targets: Sequence[tuple[str, str]], histories: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], errors.ConfigError]:
    """The tables with one of these `histories` that would have the name of another's, or of a table that is copied."""
    there = {quoting.fold(name) for schema, name in targets if quoting.fold(schema) == "history"}
    failures = {}
    for target in histories:
        name = quoting.fold(target[1])
        alike = [quoting.join_name(*one) for one in histories if quoting.fold(one[1]) == name]
        if len(alike) > 1 or name in there or any(f"{quoting.fold(one[1])}_at" == name for one in histories):
            others = f"the histories of {' and '.join(alike)}" if len(alike) > 1 else "a history and another table"
            failures[target] = errors.ConfigError(
                f"{others} would both be called history.{target[1]}",
                hint='give one of the tables another name in the file: rename = "…"',
            )
    return failures


def _twin(kind: str, names: Iterable[str], target: tuple[str, str]) -> errors.ConfigError:
    return errors.ConfigError(
        f"DuckDB can't tell the {kind} {' and '.join(sorted(names))} apart",
        hint=f'give one another name: rename = "…" in the entry of {quoting.join_name(*target)}',
    )


def unknown(name: str, there: Iterable[str]) -> errors.ConfigError:
    """The error for a table that isn't among the config's, with the nearest of those."""
    names = sorted({*there})
    alike = [one for one in names if quoting.split_name(one)[1] == name]
    hint = nearest.hint(name, alike or names, "`neaptide status` lists them")
    return errors.ConfigError(f"{name} is not among the [[tables]] of the config", hint=hint)
