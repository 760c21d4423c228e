"""Values of structured kinds, which tests of the old and the new spelling of tangents share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass
class Point:
    x: float
    y: float
    name: str = ""

    def scaled(self, k: float) -> Any:
        return k * self.x


@dataclass
class Segment:
    a: Point
    b: Point


class Slotted:
    __slots__ = ("method", "step")

    def __init__(self, step: float) -> None:
        self.step, self.method = step, "euler"


class State(NamedTuple):
    h: Any
    c: Any


P, Q = Point(1.0, 2.0, "p"), Point(3.0, 4.0)
