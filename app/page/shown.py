"""A question on a page: a part of its rows, its picture, its files. The same for a report and for any query."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app import errors
from app.charts import choice, vega
from app.charts.chart import Chart
from app.charts.look import DARK, LIGHT
from app.face import values, workbook
from app.page import answers, asked, looks, site, spreadsheet
from app.page.asked import Question
from app.page.stream import Stream
from app.reporting.result import Result

ENDINGS = ("csv", "xlsx", "parquet", "json", "svg", "png")
_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_NAMES = {"csv": "CSV", "xlsx": "Excel", "parquet": "Parquet", "json": "JSON", "svg": "SVG", "png": "PNG"}
# Widths that a picture is drawn for, the widest first, with the window from which on it fits.
_WIDTHS = ((1120, "76rem"), (960, "66rem"), (720, "51rem"), (520, "39rem"), (310, "0"))
_FILE_WIDTH, _NARROWEST, _WIDEST = 960, 200, 2000
_MOST, _BATCH = 10_000, 2_000
_LOOKS = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Asked:
    """A question as an address puts it. `path` is without an ending, `given` what the question itself takes."""

    question: Question
    path: str
    given: Mapping[str, str]
    chart: Chart | None
    sort: str
    down: bool
    part: int


def read(request: Request, question: Question, path: str, given: Mapping[str, str], chart: Chart | None) -> Asked:
    """Take sorting and paging from the address. Raises `errors.UsageError` for a part that is no number."""
    query = request.query_params
    part = whole(query.get("_page", "1"), "_page", 1, 10**9)
    return Asked(question, path, given, chart, query.get("_sort", ""), query.get("_desc") == "1", part)


def whole(text: str, name: str, least: int, most: int) -> int:
    """A number of an address. Raises `errors.UsageError` for anything else."""
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise errors.UsageError(f"{name} = {text!r} is no whole number from {least:,} to {most:,}")
    return int(text)


def data(here: site.Site, one: Asked) -> dict[str, Any]:
    """All that the template of a result needs."""
    start = (one.part - 1) * asked.PART
    part = asked.part(here.reader, one.question, sort=one.sort, down=one.down, start=start, most=asked.PART)
    result = part.result
    links = {"_sort": one.sort, "_desc": "1" if one.down else None}
    return {
        "heads": [{**head, **_sorting(one, head["name"])} for head in looks.heads(result)],
        "rows": looks.rows(result),
        "count": _counted(part),
        "before": answers.address(one.path, {**one.given, **links}, _page=one.part - 1) if one.part > 1 else None,
        "after": answers.address(one.path, {**one.given, **links}, _page=one.part + 1) if part.more else None,
        "downloads": [(_NAMES[kind], _file(one, kind)) for kind in ENDINGS if kind not in ("svg", "png")],
        "picture": _picture(here, one),
        "result_as_of": result.as_of,
    }


def _sorting(one: Asked, name: str) -> dict[str, Any]:
    """Where a click on a column's name leads: up first, then down."""
    mine = one.sort == name
    down = mine and not one.down
    state = ("descending" if one.down else "ascending") if mine else None
    return {"href": answers.address(one.path, one.given, _sort=name, _desc="1" if down else None), "sorted": state}


def _counted(part: asked.Part) -> str:
    """`12 rows`, or which of them one sees."""
    shown = len(part.result.rows)
    if not shown and part.start:
        return "there are fewer rows than that"
    if part.total is None:
        return f"rows {part.start + 1:,} to {part.start + shown:,} of more than {asked.HELD:,}"
    if part.total > shown and shown:
        return f"rows {part.start + 1:,} to {part.start + shown:,} of {part.total:,}"
    return f"{part.total:,} row{'' if part.total == 1 else 's'}"


def _file(one: Asked, kind: str, **more: Any) -> str:
    return answers.address(f"{one.path}.{kind}", one.given, **(more or {"_download": "1"}))


def _picture(here: site.Site, one: Asked) -> dict[str, Any] | None:
    """The addresses of the picture for each width and look, and what it shows in a sentence; or why there is none."""
    try:
        drawn = _drawn(here, one)
    except errors.BadReport as error:
        return {"error": error.message, "hint": error.hint}
    if drawn is None:
        return None
    version = "-".join(map(str, here.reader.version() or ()))
    sources = [
        {"media": f"(min-width: {least}) and (prefers-color-scheme: {look})",
         "href": _file(one, "svg", _width=width, _look=look, _run=version)}
        for width, least in _WIDTHS for look in ("dark", "light")
    ]  # fmt: skip
    files = [(_NAMES[kind], _file(one, kind)) for kind in ("svg", "png")]
    return {
        "error": None,
        "sources": sources,
        "default": sources[-1]["href"],
        "said": vega.said(drawn[0]),
        "files": files,
    }


def _drawn(here: site.Site, one: Asked) -> tuple[Chart, Any] | None:
    held = asked.held(here.reader, one.question)
    if held.more:
        if one.chart is None or one.chart.kind == "none":
            return None
        raise errors.BadReport(f"more than {asked.HELD:,} rows are no picture", hint="ask for less")
    return choice.chosen(held.result, one.chart, where=one.question.title)


def file(request: Request, here: site.Site, one: Asked, kind: str) -> Response:
    """The result as a file; rows are sent as they come, a part of them as JSON where nobody asks for a download."""
    as_part = kind == "json" and "_download" not in request.query_params
    # A part says as of when it is, which a run moves on that found nothing changed.
    tag = answers.etag(here.reader, request, here.reader.last_run().get("as_of") if as_part else "")
    known = answers.fresh(request, tag)
    if known is not None:
        return known
    if kind in ("svg", "png"):
        response = _image(request, here, one, kind)
    elif as_part:
        return _json(request, here, one, tag)
    else:
        response = _download(here, one, kind)
    response.headers.update({"etag": tag, "cache-control": "private, no-cache", "content-type": _KINDS[kind]})
    if "_download" in request.query_params:
        response.headers["content-disposition"] = f'attachment; filename="{_safe(one.path)}.{kind}"'
    return response


def _safe(path: str) -> str:
    """A file's name that no header and no folder minds."""
    name = path.rpartition("/")[2]
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in name) or "result"


def _image(request: Request, here: site.Site, one: Asked, kind: str) -> Response:
    width = whole(request.query_params.get("_width", str(_FILE_WIDTH)), "_width", _NARROWEST, _WIDEST)
    look = request.query_params.get("_look", "light")
    if look not in _LOOKS:
        raise errors.UsageError(f"_look = {look!r} is none of {', '.join(_LOOKS)}")
    key = ("image", kind, width, look, one.chart, here.reader.version(), one.question.key)
    return Response(here.reader.cached(key, lambda: _painted(here, one, kind, width, look)))


def _painted(here: site.Site, one: Asked, kind: str, width: int, look: str) -> bytes:
    drawn = _drawn(here, one)
    if drawn is None:
        raise errors.UsageError(
            "nothing says how to draw this", hint="say it in the head, like `-- chart: line x=a y=b`"
        )
    spec = vega.spec(*drawn, title=one.question.title, width=width, look=_LOOKS[look])
    return here.painter.draw(spec, kind)


def _json(request: Request, here: site.Site, one: Asked, tag: str) -> Response:
    """Rows for programs, a part at a time: `next` is the address of the one after."""
    query = request.query_params
    start = whole(query.get("_offset", "0"), "_offset", 0, 10**12)
    most = whole(query.get("_limit", str(_MOST)), "_limit", 1, _MOST)
    part = asked.part(here.reader, one.question, sort=one.sort, down=one.down, start=start, most=most)
    result, run = part.result, here.reader.last_run()
    names = [name for name in query if name != "_offset"]
    after = answers.address(f"{one.path}.json", {name: query[name] for name in names}, _offset=start + most)
    body = {
        "title": one.question.title, "as_of": _as_of(result, run), "run_id": run.get("run_id"),
        "columns": result.columns, "types": result.types, "rows": result.records(), "offset": start,
        "next": after if part.more else None,
    }  # fmt: skip
    return answers.as_json(body, tag)


def _as_of(result: Any, run: Mapping[str, Any]) -> Any:
    """The later of both: a run that found nothing changed moves it on."""
    later = str(run.get("as_of") or "")
    return max(result.as_of.isoformat(), later) if later else result.as_of.isoformat()


def _download(here: site.Site, one: Asked, kind: str) -> Response:
    if kind == "parquet":
        return _parquet(here, one)
    if kind == "xlsx":
        return _workbook(here, one)
    write = spreadsheet.csv if kind == "csv" else spreadsheet.json
    return Stream(spreadsheet.encoded(write(_batches(here, one))))


def _batches(here: site.Site, one: Asked) -> Iterator[Result]:
    with here.reader.download() as store:
        yield from store.batches(one.question.sql, one.question.params, most=_BATCH)


def _within(batches: Iterator[Result], most: int) -> Iterator[Result]:
    """The batches. Raises `errors.QueryTooBig` for more rows: a workbook is whole before any of it is sent."""
    rows = 0
    for batch in batches:
        rows += len(batch.rows)
        if rows > most:
            raise errors.QueryTooBig(f"the result has more than {most:,} rows", hint="take CSV, JSON or Parquet")
        yield batch


def _parquet(here: site.Site, one: Asked) -> Response:
    path = _passing(".parquet")
    try:
        with here.reader.download(writes=path) as store:
            store.write_parquet(one.question.sql, one.question.params)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FileResponse(path, background=BackgroundTask(path.unlink, missing_ok=True))


def _workbook(here: site.Site, one: Asked) -> Response:
    path = _passing(".xlsx")
    try:
        workbook.write(
            _within(_batches(here, one), here.settings.query.max_rows), path, values.shown(one.question.title)
        )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FileResponse(path, background=BackgroundTask(path.unlink, missing_ok=True))


def _passing(suffix: str) -> Path:
    """A file of this user's alone, gone when it was sent."""
    handle, name = tempfile.mkstemp(prefix="neaptide-", suffix=suffix)
    os.close(handle)
    return Path(name)
