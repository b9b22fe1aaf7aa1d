"""Why PostgreSQL let nobody in, and what to look at."""

from __future__ import annotations

from app import errors

_BY = "PGPASSWORD, by a line of ~/.pgpass (which only you may read), or in the whole URL as NEAPTIDE_SOURCE__URL"
# What the server says, and the next step.
_REFUSED = {
    "authentication failed": f"check the user in [source] url and the password: it comes by {_BY}",
    "no pg_hba.conf entry": "check [source] url, and that the server's pg_hba.conf lets this user in from here",
    "role ": "check the user in [source] url",
    "permission denied": "check [source] url; the user needs CONNECT on the database",
}


def refused(everything: str, text: str) -> errors.NeaptideError | None:
    """The error for a refused login, from all that the driver says, and what of that may be shown; else None."""
    if "no password supplied" in everything:
        return errors.AccessDenied("PostgreSQL asks for a password: no password given", hint=f"give it by {_BY}")
    for sign, hint in _REFUSED.items():
        if sign in everything and ("does not exist" in everything or sign != "role "):
            return errors.AccessDenied(f"PostgreSQL refused the login: {text}", hint=hint)
    return None
