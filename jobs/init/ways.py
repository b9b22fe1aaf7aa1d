"""The two ways to keep a table equal, for one who may only read, and for one who has triggers installed. Pure."""

from __future__ import annotations

from dataclasses import replace

from jobs.init.choice import DEAR, TRACKED, Choice, duration, size

WHOLE = "compared whole at each run"
KEYLESS = "compared whole, having no key"
TRACKED_ALREADY = "followed by triggers that are there"
DEAR_GROUP = "left out, dear to compare whole"
# Triggers would win by less than nobody minds.
_LITTLE = 2 * TRACKED
_MODE = ("watermark", "stamp", "deletes")


def in_place(choice: Choice) -> Choice:
    """The choice for a table that has all that its modes need."""
    reason = "It is tracked already."
    return replace(choice, reasons=(*choice.reasons[:1], reason), group=TRACKED_ALREADY)


def for_a_reader(choice: Choice) -> Choice:
    """What a role can do at once that may only read: compare the whole table, where triggers would have to be made."""
    if choice.off or choice.whole:
        return choice
    values = {key: value for key, value in choice.values.items() if key not in _MODE}
    mode = {key: value for key, value in choice.values.items() if key in _MODE}
    wins = choice.seconds > _LITTLE
    return replace(
        choice,
        values={**values, "watermark": "none"},
        reasons=choice.reasons if wins else choice.reasons[:1],
        tracked=mode if wins else {},
        group=WHOLE,
    )


def never_dear_in_silence(choice: Choice) -> Choice:
    """A table whose whole copy would be dear is left out until somebody wants that, or the other way."""
    if choice.off or not choice.whole or choice.bytes < DEAR:
        return choice
    reason = f"Left out: {cost(choice)}." + ("" if not choice.tracked else " Turn on one of both ways.")
    return replace(choice, off=True, reasons=(*choice.reasons, reason), group=DEAR_GROUP)


def cost(choice: Choice) -> str:
    """What comparing the table takes, and what following it would."""
    whole = f"compared whole: {size(choice.bytes)} a run, about {duration(choice.seconds)}"
    return f"{whole}; track: {duration(TRACKED)}" if choice.tracked else whole
