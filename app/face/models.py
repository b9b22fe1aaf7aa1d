"""A project's read models: list them, explain one, check a file, write a new one."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import errors
from app.face import completion, show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.job import Job
    from jobs.models.analysis.shapes import Analysis, Branch
    from jobs.results import ModelDetails

_EXAMPLES = (
    "neaptide models",
    "neaptide models order_lines",
    "neaptide models order_lines --explain",
    "neaptide models --check models/order_lines.sql",
    "neaptide models new orders_per_day",
)
_NEW = "new"
_COLUMNS = ("model", "upkeep", "rows", "per input row", "last run", "rebuild", "size")
_SPARE = ("size", "per input row")
_START = """\
-- title: {title}
-- description: What one row is, in one sentence.
-- key: {key}
SELECT {columns}
FROM {table} AS t
"""
_DOES = {
    "rows": "takes out the keys that may have changed, and works them out again",
    "groups": "takes out the groups that may have changed, and works them out again",
    "sums": "adds what came and takes away what went",
    "whole": "builds it anew when an input changed",
}


@click.command("models", cls=Command, examples=_EXAMPLES)
@click.argument("name", required=False, shell_complete=completion.models)
@click.argument("new_name", required=False, metavar="")
@click.option("--explain", is_flag=True, help="Say what its SELECT is made of, and what a run does.")
@click.option(
    "--check", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Say how a file would be kept as a model, or why it can't be.",
)  # fmt: skip
@json_option
@pass_face
def command(
    face: Face, *, name: str | None, new_name: str | None, explain: bool, check: Path | None, as_json: bool
) -> int:
    """List the read models: how each is kept, and what that costs.

    Models are the .sql files of the folder [models] path, one SELECT each; every sync keeps the table models.NAME
    equal to it. `models new NAME` writes one to begin with.
    """
    from app import bootstrap

    if name == _NEW and new_name is not None:
        return _write_new(face, new_name)
    if new_name is not None:
        raise errors.UsageError(f"one model at a time, not {new_name!r} too", hint="see `neaptide models --help`")
    job = bootstrap.job(face.settings, start=False)
    if check is not None:
        return _check(job, check, as_json)
    if name is None:
        return _list(face, job, as_json)
    return _show(job, name, explain, as_json)


def _list(face: Face, job: Job, as_json: bool) -> int:
    from jobs.status import model_details

    details = model_details.read(job)
    if as_json:
        show.as_json([one.as_dict() for one in details])
        return 0
    if not details:
        folder = face.settings.models_path
        face.say(f"there are no models in {_from_here(folder)}; write one with `neaptide models new NAME`")
        return 0
    show.table(_COLUMNS, [_row(one) for one in details], _SPARE)
    show.lines(line for one in details for line in _remarks(one))
    return 0


def _row(one: ModelDetails) -> tuple[Any, ...]:
    from jobs.init import choice

    if not one.built:
        return (
            one.name,
            "failed" if one.error else one.kind,
            None,
            None,
            "not built yet" * (not one.error),
            None,
            None,
        )
    rebuild = None if one.rebuild_seconds is None else f"{one.rebuild_seconds:.2f} s"
    size = None if one.bytes is None else choice.size(one.bytes)
    return (one.name, one.kind, one.rows, one.rows_per_input_row, _last_run(one), rebuild, size)


def _last_run(one: ModelDetails) -> str:
    keys = f"{show.counted(one.keys, 'key')}, " if one.action != "built" else "built, "
    return f"{keys}{one.seconds:.2f} s"


def _remarks(one: ModelDetails) -> list[str]:
    """Why it is kept so, and what would be cheaper; or why it can't be kept."""
    parts = [f"{one.kind} because of {one.why}" if one.why else "", *one.advice]
    if one.error:
        parts = [one.error, one.hint or ""]
    said = "; ".join(part for part in parts if part)
    return textwrap.wrap(f"{one.name}: {said}", show.look().width, subsequent_indent="  ") if said else []


def _show(job: Job, name: str, explain: bool, as_json: bool) -> int:
    from jobs.status import model_details

    by_name = {one.name: one for one in model_details.read(job)}
    one = by_name[model_details.meant(name, {*by_name})]
    analysis = model_details.explained(job, one.name) if explain and not one.error else None
    if as_json:
        show.as_json(one.as_dict() | ({"explained": _described(analysis)} if analysis else {}))
        return 1 if one.error else 0
    shown = one.as_dict() | {
        "inputs": ", ".join(one.inputs), "key": ", ".join(one.key), "advice": "; ".join(one.advice) or None,
        "costs": None,
    }  # fmt: skip
    show.record({field: value for field, value in shown.items() if value not in ("", None)})
    if analysis:
        click.echo()
        show.lines([*_explained(analysis), *_cheaper(one)])
    return 1 if one.error else 0


def _cheaper(one: ModelDetails) -> list[str]:
    """When a run makes it anew, and what of earlier runs that follows from."""
    if one.rebuilt_above is None or one.costs is None:
        return []
    few, many, anew = (one.costs.get(name) for name in ("few", "many", "rebuild"))
    took = [f"{cost[1]:.3f} s for {show.counted(cost[0], 'key')}" for cost in (few, many) if cost]
    took += [f"{anew[1]:.3f} s to make it anew"] if anew else []
    text = f"made anew: where more than {show.counted(one.rebuilt_above, 'key')} may have changed"
    measured = f"; processor time measured: {', '.join(took)}" if took else ""
    return textwrap.wrap(text + measured, show.look().width)


def _check(job: Job, path: Path, as_json: bool) -> int:
    """Raises `errors.ModelError` where it can't be kept; as JSON that is said, too."""
    from jobs.status import model_details

    try:
        analysis = model_details.checked(job, path)
    except errors.ModelError as error:
        if not as_json:
            raise
        show.as_json({"ok": False, "error": error.message, "hint": error.hint})
        return 1
    if as_json:
        show.as_json({"ok": True, **_described(analysis)})
    else:
        show.lines(_explained(analysis))
    return 0


def _explained(analysis: Analysis) -> list[str]:
    """The kind of upkeep and the reasons for it, then the parts that it goes by."""
    width = show.look().width
    lines = [f"upkeep: {analysis.kind}: a run {_DOES[analysis.kind]}"]
    if analysis.reason:
        lines += textwrap.wrap(f"because of: {analysis.reason}", width)
    if analysis.advice:
        lines += textwrap.wrap(f"cheaper: {analysis.advice}", width)
    lines.append(f"key: {', '.join(analysis.key) or 'none'}")
    for branch in analysis.branches:
        lines += _parts(branch)
    if not analysis.branches:
        lines += [f"reads {one}" for one in analysis.inputs]
    return [*lines, "columns:", *(f"  {name} {kind}" for name, kind in analysis.columns.items())]


def _parts(branch: Branch) -> list[str]:
    lines = []
    for place, one in enumerate(branch.occurrences):
        word = "reads" if not place else "left join" if one.optional else "join"
        on = " AND ".join(term.text for term in one.on)
        lines.append(f"{word} {one.table} as {one.alias}" + (f" on {on}" if on else ""))
    lines += [f"where {term.text}" for term in branch.where]
    if branch.groups is not None:
        lines.append(f"group by {', '.join(term.text for term in branch.groups) or 'nothing'}")
    return lines + ([f"having {branch.having}"] if branch.having else [])


def _described(analysis: Analysis) -> dict[str, Any]:
    return {
        "kind": analysis.kind, "why": analysis.reason, "advice": analysis.advice, "key": analysis.key,
        "inputs": analysis.inputs, "columns": [{"name": one, "type": kind} for one, kind in analysis.columns.items()],
        "parts": [line for branch in analysis.branches for line in _parts(branch)],
    }  # fmt: skip


def _write_new(face: Face, name: str) -> int:
    """A file to begin with, on a table that is there."""
    path = face.settings.models_path / f"{name}.sql"
    if not name.isidentifier() or not name.isascii() or name == _NEW:
        raise errors.UsageError(f"{name!r} is no name for a model", hint="use letters, digits and _, like order_lines")
    if path.exists():
        raise errors.UsageError(f"{path} exists", hint="name the new model otherwise")
    table, columns = _some_table(face)
    text = _START.format(
        title=name.replace("_", " ").capitalize(), table=table, key=columns[0],
        columns=", ".join(f"t.{column}" for column in columns),
    )  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise errors.UsageError(f"{path} can't be written: {error.strerror}") from error
    face.say(f"wrote {_from_here(path)}; edit it, then: neaptide models --check {_from_here(path)}")
    return 0


def _some_table(face: Face) -> tuple[str, list[str]]:
    """A table of the file with its first columns, as SQL names them; of the config where there is no file yet."""
    from jobs import quoting

    try:
        with face.store() as store:
            name = next((one for one in store.tables() if one[0] != "models"), None)
            if name is not None:
                columns = store.query(f"FROM {quoting.qualified(*name)} LIMIT 0").columns[:3]
                return quoting.readable(*name), [quoting.readable(one) for one in columns]
    except errors.NoReportingFile:
        pass
    names = [quoting.split_name(one.rename or one.name) for one in face.settings.tables if not one.is_pattern]
    return (quoting.readable(*names[0]) if names else "public.my_table"), ["id"]


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
