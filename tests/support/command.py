"""Small files for tests of the command, and what a run of it gave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

RULE = b"""from zygote_rules import adjoint


def double(x):
    return 2 * x


@adjoint
def double(x):
    def back(dy):
        return (2 * dy,)

    return 2 * x, back
"""
#: A rule that converts, and one that never does.
MIXED = (
    RULE
    + b"""

def fill(x):
    x[:] = 0


@adjoint(mutating=True)
def fill(x):
    def back(dy):
        return (None,)

    return fill(x), back
"""
)
PLAIN = b"def double(x):\n    return 2 * x\n"
#: It looks as if it held rules, so that it is parsed.
BROKEN = b"from zygote_rules import adjoint\n\n@adjoint\ndef f(x:\n"


@dataclass(frozen=True)
class Done:
    """What a run printed, and its exit code."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "surrogateescape")


Command = Callable[..., Done]


def environment(**changes: str) -> dict[str, str]:
    here = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    return {**here, **changes}


PROGRAM = (sys.executable, "-m", "migrate")
