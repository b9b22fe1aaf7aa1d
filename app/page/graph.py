"""The models as a graph: what each is made of, the tables on the left, and each model right of all its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

# Pixels: of a box, and from one to the next.
_WIDE, _HIGH, _ACROSS, _DOWN = 200, 32, 270, 44
_LONGEST = 26


@dataclass(frozen=True)
class Box:
    """One table or model at its place."""

    name: str
    shown: str
    x: int
    y: int
    model: bool


@dataclass(frozen=True)
class Graph:
    """Boxes and the curves between them."""

    boxes: tuple[Box, ...]
    curves: tuple[str, ...]
    width: int
    height: int


def drawn(inputs: Mapping[str, Sequence[str]]) -> Graph:
    """The graph of models by name with what each reads."""

    @cache
    def depth(name: str) -> int:
        return 1 + max(map(depth, inputs[name]), default=0) if name in inputs else 0

    names = sorted({*inputs, *(one for read in inputs.values() for one in read)}, key=lambda one: (depth(one), one))
    taken: dict[int, int] = {}
    boxes = {}
    for name in names:
        row = taken.setdefault(depth(name), 0)
        taken[depth(name)] += 1
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        boxes[name] = Box(name, shown, 4 + depth(name) * _ACROSS, 4 + row * _DOWN, name in inputs)
    curves = tuple(_curve(boxes[one], boxes[name]) for name, read in inputs.items() for one in read)
    width, height = 8 + max(taken, default=0) * _ACROSS + _WIDE, 8 + max(taken.values(), default=0) * _DOWN
    return Graph(tuple(boxes.values()), curves, width, height)


def _curve(begin: Box, end: Box) -> str:
    left, right = (begin.x + _WIDE, begin.y + _HIGH // 2), (end.x, end.y + _HIGH // 2)
    middle = (left[0] + right[0]) // 2
    return f"M{left[0]} {left[1]}C{middle} {left[1]} {middle} {right[1]} {right[0]} {right[1]}"
