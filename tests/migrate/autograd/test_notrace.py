"""Functions through which nothing flows back: `register_notrace`, `notrace_primitive`."""

from __future__ import annotations

import pytest

from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from tests.support.converting import converted, outcome_of

DROP = Options(dialects=("autograd",), autograd="drop")
KEEP = Options(dialects=("autograd",))
TEXT = """\
import autograd.numpy as np
from autograd.extend import VJPNode, notrace_primitive, primitive, register_notrace

@notrace_primitive
def rank(x):
    return int(np.linalg.matrix_rank(x))

@primitive
def bins(x, n):  # of equal width
    return np.floor(x * n)

register_notrace(VJPNode, bins)  # steps

size = notrace_primitive(np.size)
"""


def test_autograd_goes() -> None:
    assert (
        converted(TEXT, DROP)
        == """\
import numpy as np
from rules_runtime import non_differentiable, primitive as _primitive

@non_differentiable
def rank(x):
    return int(np.linalg.matrix_rank(x))

def bins(x, n):  # of equal width
    return np.floor(x * n)

non_differentiable(bins)  # steps

size = _primitive(np.size)
non_differentiable(size)
"""
    )


def test_autograd_stays() -> None:
    """It is told as before; the runtime is told beside it, once."""
    assert (
        converted(TEXT, KEEP)
        == """\
import autograd.numpy as np
from autograd.extend import VJPNode, notrace_primitive, primitive, register_notrace
from rules_runtime import non_differentiable

@non_differentiable
@notrace_primitive
def rank(x):
    return int(np.linalg.matrix_rank(x))

@primitive
def bins(x, n):  # of equal width
    return np.floor(x * n)

register_notrace(VJPNode, bins)  # steps
non_differentiable(bins)

size = notrace_primitive(np.size)
non_differentiable(size)
"""
    )


def test_a_list_of_autograds() -> None:
    text = """
from autograd.extend import primitive
from autograd.numpy.numpy_wrapper import nograd_functions

@primitive
def f(x):
    return x > 0

nograd_functions.append(f)
"""
    assert converted(text, DROP).endswith("    return x > 0\n\nnon_differentiable(f)\n")


@pytest.mark.parametrize(
    "text",
    [
        "register_notrace(JVPNode, f)",  # of the forward mode
        "done = register_notrace(VJPNode, f)",
        "register_notrace(*args)",
        "apply(register_notrace)",
        "'register_notrace(VJPNode, f)'",
    ],
)
def test_what_says_something_else(text: str) -> None:
    head = "from autograd.extend import JVPNode, VJPNode, register_notrace\n"
    assert isinstance(outcome_of(head + text + "\n", DROP), FileUnchanged)


def test_a_rule_is_skipped_by_a_comment() -> None:
    text = TEXT.replace("# steps", "# rrule-migrate: skip")
    outcome = outcome_of(text, DROP)
    assert isinstance(outcome, FileConverted)
    assert [left.code for left in outcome.left] == ["RM205"]
    assert "register_notrace(VJPNode, bins)  # rrule" in outcome.after.decode()


def test_forward_rules_stay() -> None:
    """With a note on the file, once."""
    text = """
from autograd.extend import defjvp, defvjp, primitive

@primitive
def f(x):
    return 2 * x

defvjp(f, lambda ans, x: lambda g: 2 * g)
defjvp(f, lambda g, ans, x: 2 * g)
defjvp(f, "same")
"""
    outcome = outcome_of(text, DROP)
    assert isinstance(outcome, FileConverted)
    assert outcome.after.decode().endswith('defjvp(f, "same")\n')
    assert [note.code for note in outcome.notes] == ["RM110"]
    assert "`defjvp` of f, and 1 more, stays" in outcome.notes[0].message
