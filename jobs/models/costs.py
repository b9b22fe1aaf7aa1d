"""What it takes to keep a model and to make it anew, as its last runs measured it, and which is cheaper. Pure.

Seconds are of the processor, all threads together: what else the machine does is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

# So few keys are always worked out again: either way takes no time.
FEW = 1000
# Where nothing is known: to work out so large a share of a model's keys takes about as long as to make it anew.
_SHARE = 1 / 4
# In the middle of a run, to make a model anew means to compare it with what it was, too: so many times as long.
_COMPARED = 3
# What was measured is believed of so many times as many keys: a scan that reads every row can take no longer.
_FAR = 4
# The other way has to be so much cheaper before it is taken: the two are not to take turns for nothing.
_CLEARLY = 1.25
# What isn't measured again is forgotten bit by bit, and so tried again some time.
_FADES = 0.9


class Measured(NamedTuple):
    """So many keys, or rows, and the seconds that they took."""

    keys: int
    seconds: float


@dataclass(frozen=True)
class Costs:
    """Of one model: the last upkeep of few keys and of more, and the last rebuild. `anew`: that is what is done now."""

    few: Measured | None = None
    many: Measured | None = None
    rebuild: Measured | None = None
    anew: bool = False

    def maintained(self, keys: int, seconds: float) -> Costs:
        """After an upkeep of so many keys."""
        measured = Measured(keys, seconds)
        return replace(self, few=measured, anew=False) if keys <= FEW else replace(self, many=measured, anew=False)

    def rebuilt(self, rows: int, seconds: float) -> Costs:
        """After a rebuild in the middle of a run, in place of an upkeep."""
        many = self.many and Measured(self.many.keys, self.many.seconds * _FADES)
        return replace(self, many=many, rebuild=Measured(rows, seconds), anew=True)

    def threshold(self, rows: int) -> int:
        """How many keys of a model of so many rows are worked out again at most: with more it is made anew."""
        least, far = max(FEW, int(rows * _SHARE)), _FAR * self.many.keys if self.many else 0
        equal = self._equal(rows)
        return max(FEW, equal) if equal is not None and equal <= far else max(least, far)

    def upkeep(self, keys: int) -> float | None:
        """The seconds that an upkeep of so many keys would take; None where nobody knows."""
        if self.many is None:
            return None
        few, each = self._line(self.many)
        return few.seconds + each * max(0, keys - few.keys)

    def making(self, rows: int) -> float | None:
        """The seconds that a rebuild of so many rows would take."""
        return self.rebuild and self.rebuild.seconds * max(rows, 1) / max(self.rebuild.keys, 1)

    def _equal(self, rows: int) -> int | None:
        """For how many keys the two take as long, if that is known: with what is in favour of going on as before."""
        anew, many = self.making(rows), self.many
        if anew is None or many is None:
            return None
        limit = anew / _CLEARLY if self.anew else anew * _CLEARLY
        few, each = self._line(many)
        return few.keys + int((limit - few.seconds) / each) if each > 0 else None

    def _line(self, many: Measured) -> tuple[Measured, float]:
        """The upkeep of few keys, and the seconds that each more takes."""
        few = self.few or Measured(0, 0.0)
        return few, max(0.0, many.seconds - few.seconds) / (many.keys - few.keys)


def first(rows: int, seconds: float) -> Costs:
    """What is known after a build that compared nothing."""
    return Costs(rebuild=Measured(rows, _COMPARED * seconds))


def of(saved: Mapping[str, Any]) -> Costs:
    """As the file says it."""
    stored = {one.name: saved.get(one.name) for one in fields(Costs)}
    measured = {name: Measured(*value) for name, value in stored.items() if isinstance(value, list)}
    return Costs(**measured, anew=bool(stored["anew"]))


def as_dict(costs: Costs) -> dict[str, Any]:
    """As the file keeps it."""
    return asdict(costs)


def rebuild_reason(known: Costs, keys: int, rows: int) -> tuple[str, str]:
    """The cause and the reason of a rebuild that was chosen."""
    upkeep, making = known.upkeep(keys), known.making(rows)
    reason = f"{keys:,} of {rows:,} keys may have changed"
    if upkeep is None or making is None or upkeep < making:
        return "share", reason
    return "cost", f"{reason}: about {upkeep:.2f} s of processor time to work those out, {making:.2f} s to make it anew"
