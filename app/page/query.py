"""Any question: an editor, and the result as a report's would be. The session and the limits are those of `sql`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import errors
from app.page import answers, shown, site, tables
from app.page.asked import Question
from app.queries import report_file

_LONGEST = 20_000


def page(request: Request) -> Response:
    """The editor with the result of what is asked, or only that as a file."""
    here = site.of(request)
    here.freshen(request)
    text = request.query_params.get("q", "")
    kind = request.path_params.get("kind", "")
    if kind and kind not in shown.ENDINGS:
        raise errors.UsageError(f"there is no such file: {kind}", hint=", ".join(shown.ENDINGS))
    kind = kind or ("json" if text and answers.wants_json(request) else "")
    if kind:
        return shown.file(request, here, _asked(request, text), kind)
    head = {**here.head(request, "SQL"), "text": text, "names": _names(here)}
    if not text.strip() or _from_elsewhere(request):
        return answers.as_html("query.html", **head, found=None, wrong=None)
    try:
        data = shown.data(here, _asked(request, text))
    except (errors.UsageError, errors.QueryFailed, errors.BadReport) as error:
        wrong = {"error": error.message, "hint": error.hint}
        return answers.as_html("query.html", code=answers.code_of(error), **head, found=None, wrong=wrong)
    return answers.as_html("query.html", answers.etag(here.reader, request), **head, found=data, wrong=None)


ROUTES = (Route("/sql", page), Route("/sql.{kind}", page))


def _from_elsewhere(request: Request) -> bool:
    """A link on another site fills the editor, and asks nothing: whoever follows it should see what it is first."""
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _asked(request: Request, text: str) -> shown.Asked:
    if not text.strip():
        raise errors.UsageError("there is no question", hint="give it as q=SELECT …")
    if len(text) > _LONGEST:
        raise errors.UsageError(f"a query here has at most {_LONGEST:,} characters", hint="use `neaptide sql -`")
    return shown.read(request, Question("query", text), "/sql", {"q": text}, report_file.chart_of(text))


def _names(here: site.Site) -> dict[str, Any]:
    """What the editor completes; nothing where there is no file yet."""
    try:
        return tables.relations(here)
    except errors.NeaptideError:
        return {}
