"""Pictures as files: SVG and PNG, and an HTML page that needs nothing else. No browser draws them, no network is asked.

What a picture says comes out of data that anybody may have written, so nothing of it is ever markup or script here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from app import extras
from app.charts.drawn import Spec


@dataclass(frozen=True)
class Table:
    """Rows as text; `numbers` says of each column whether it is one of numbers."""

    names: Sequence[str]
    numbers: Sequence[bool]
    rows: Sequence[Sequence[str]]


_SCALE = 2.0
_STYLE = """
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem; background: #fbfbf9; color: #1b1d1f;
  font: 15px/1.5 Inter, system-ui, sans-serif; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .25rem; } p { color: #5f6468; margin: 0 0 1.5rem; }
figure { margin: 0 0 1.5rem; padding: 1rem; background: #fff; border: 1px solid #e4e3dd; border-radius: 10px; }
figure > div { width: 100%; } figure svg { max-width: 100%; height: auto; }
.table { overflow-x: auto; border: 1px solid #e4e3dd; border-radius: 10px; background: #fff; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .9rem; text-align: left; white-space: pre; border-bottom: 1px solid #e4e3dd; }
th { font-size: .8rem; color: #5f6468; } .n { text-align: right; }
"""
_DRAW = """
const picture = JSON.parse(document.getElementById("spec").textContent);
const actions = {export: true, source: false, compiled: false, editor: false};
vegaEmbed("#picture", picture, {renderer: "svg", actions});
"""


def installed() -> Any:
    """The package that draws. Raises `errors.MissingExtra`."""
    with extras.needed("web"):
        import vl_convert
    return vl_convert


def svg(spec: Spec) -> str:
    """The picture as SVG."""
    return str(installed().vegalite_to_svg(spec, allowed_base_urls=[]))


def png(spec: Spec) -> bytes:
    """The picture as PNG, with two pixels for one."""
    return bytes(installed().vegalite_to_png(spec, scale=_SCALE, allowed_base_urls=[]))


def html(spec: Spec | None, *, title: str, lead: str, table: Table) -> str:
    """A page with the picture, where there is one, and the rows; what it runs is in it."""
    head = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(lead)}</p>\n"
    )
    return f"{head}{_figure(spec) if spec else ''}{_rows(table)}</html>\n"


def _figure(spec: Spec) -> str:
    """The picture as it is, which a script then makes one that answers the mouse."""
    data = f'<script type="application/json" id="spec">{_in_script({**spec, "width": "container"})}</script>'
    code = installed().javascript_bundle().replace("</script", "<\\/script")
    return f'<figure><div id="picture">{svg(spec)}</div></figure>\n{data}\n<script>{code}\n{_DRAW}</script>\n'


def _in_script(spec: Spec) -> str:
    """JSON in which no text can end the element that it stands in."""
    return json.dumps(spec).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rows(table: Table) -> str:
    kinds = [' class="n"' if number else "" for number in table.numbers]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}' for name, kind in zip(table.names, kinds, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}" for cell, kind in zip(row, kinds, strict=True))
        for row in table.rows
    )
    return f'<div class="table"><table><thead><tr>{head}</thead><tbody>\n{body}</tbody></table></div>'
