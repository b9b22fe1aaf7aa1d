"""Hands a message to one URL: an `http(s)://` one gets JSON of our own, any other is a service that Apprise knows.

A URL of a service is a secret as a whole: what is said of one is its place in the config and its scheme.
"""

from __future__ import annotations

import base64
import json
import logging
import socket
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from app import errors, extras, redaction
from jobs.alerts.ledger import Fact, Notice

_TIMEOUT = 8.0
_HINT = "try it: neaptide alerts test"
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~"
Send = Callable[[Notice, str], None]


def named(place: int, url: str) -> str:
    """What a URL is called where people read of it."""
    return f"[alerts] urls[{place}] ({url.partition(':')[0]})"


def to(place: int, url: str) -> Send:
    """A function that hands a notice of a target to this URL, and raises `errors.AlertFailed` where it can't.

    Raises `errors.ConfigError` for what is no URL of a service, and `errors.MissingExtra`.
    """
    name = named(place, url)
    if url.startswith(("http://", "https://")):
        return lambda notice, target: _post(name, url, notice, target)
    service = _service(name, url)
    return lambda notice, target: _notify(name, service, notice, target)


def content(notice: Notice, target: str) -> dict[str, Any]:
    """What a webhook gets."""
    return {
        "source": "neaptide",
        "host": socket.gethostname(),
        "target": target,
        "at": datetime.now(UTC).isoformat(),
        "status": "firing" if notice.firing else "resolved" if notice.resolved else "event",
        "title": title(notice, target),
        "text": text(notice),
        **notice.as_dict(),
    }


def title(notice: Notice, target: str) -> str:
    """The message in a line."""
    parts = [f"{len(facts)} {word}" for word, facts in _parts(notice) if facts]
    return f"Neaptide on {socket.gethostname()}, {target}: {', '.join(parts)}"


def text(notice: Notice) -> str:
    """The message in lines."""
    return "\n".join(f"{word.upper()} {_line(fact)}" for word, facts in _parts(notice) for fact in facts)


def _parts(notice: Notice) -> list[tuple[str, tuple[Fact, ...]]]:
    return [("failing", notice.firing), ("recovered", notice.resolved), ("news", notice.events)]


def _line(fact: Fact) -> str:
    return f"{fact.message} (since {fact.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is sent goes where the config says, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(name: str, url: str, notice: Notice, target: str) -> None:
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json", "User-Agent": "neaptide"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    # Letters beyond ASCII are sent as a browser would; what is escaped already stays as it is.
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    place = plain._replace(path=quote(plain.path, _AS_IT_IS), query=quote(plain.query, _AS_IT_IS)).geturl()
    body = json.dumps(content(notice, target)).encode()
    request = urllib.request.Request(place, body, headers)  # noqa: S310  the scheme was looked at
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        raise errors.AlertFailed(f"{name} answered {error.code}", hint=_HINT) from None
    except OSError as error:
        reason = redaction.Redaction([url]).text(str(getattr(error, "reason", error)))
        raise errors.AlertFailed(f"{name} can't be reached: {reason}", hint=_HINT) from None
    except (HTTPException, ValueError) as error:
        # Their texts show pieces of what can't be read as a URL.
        raise errors.AlertFailed(f"{name} can't be reached: {type(error).__name__}", hint=_HINT) from None


def _service(name: str, url: str) -> Any:
    with extras.needed("alerts"), warnings.catch_warnings():
        # Of its own imports.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        _silence("apprise", "urllib3", "requests")
        service = apprise.Apprise()
        known = service.add(url)
    if not known:
        raise errors.ConfigError(f"{name} is no URL of a service that Apprise knows", hint="see docs/alerts.md")
    return service


def _silence(*loggers: str) -> None:
    """They tell URLs."""
    for name in loggers:
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False


def _notify(name: str, service: Any, notice: Notice, target: str) -> None:
    try:
        done = service.notify(body=text(notice), title=title(notice, target))
    except Exception as error:  # noqa: BLE001  whatever a plugin raises
        raise errors.AlertFailed(f"{name}: {type(error).__name__}", hint=_HINT) from None
    if not done:
        raise errors.AlertFailed(f"{name}: the service did not take it", hint=_HINT)
