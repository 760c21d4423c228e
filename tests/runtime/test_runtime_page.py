"""docs/runtime.md: its examples run, one after the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: What the page leaves to the reader's imagination.
BEFORE = """
from dataclasses import dataclass
import numpy as np
from rules_runtime import Thunk, no_rrule, non_differentiable, scalar_rule

@dataclass
class Foo:
    a: float
    b: float

def f(x, y, z):
    return 2 * x + y.a

def matmul(a, b):
    return a @ b

def apply(f, x):
    return f(x)

def lookup(table, i):
    return i

w, x = np.ones((3, 2)), np.arange(12.0).reshape(4, 3)
"""

AFTER = """
from rules_runtime import TapeConfig, rrule
test_f()
test_rrule(TapeConfig(), apply, np.sin, 0.3)
test_rrule(matmul, x, w)
y, back = rrule(np.exp, 0.0)
assert y == 1 and back(2.0)[1] == 2
assert value == loss(w, x) and dw.shape == w.shape and dx.shape == x.shape
print("all of it ran")
"""


def test_the_examples_run() -> None:
    page = (ROOT / "docs" / "runtime.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    script = "\n".join([BEFORE, *blocks, AFTER])
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "all of it ran\n"
