"""Autograd's `defvjp` with lambdas becomes a rrule;
what cannot be read is left, and the file with it."""

from __future__ import annotations

import pytest

from migrate.model import FileUnchanged
from migrate.options import Options
from tests.support.converting import converted, outcome_of

AUTOGRAD = Options(dialects=("autograd",), autograd="drop")
HEAD = "import autograd.numpy as np\nfrom autograd.extend import primitive, defvjp\n"


def test_one_argument() -> None:
    """Nobody reads the output, so it has no name;
    the comment above stays, names are the primal's."""
    assert (
        converted(
            HEAD
            + """
@primitive
def cube(t):
    '''t * t * t'''
    return t ** 3          # by numpy

# of one argument
defvjp(cube, lambda ans, x: lambda g: g * 3 * np.square(x))  # checked by hand
""",
            AUTOGRAD,
        )
        == """\
import numpy as np
from rules_runtime import NoTangent, rrule, unconjugated

def cube(t):
    '''t * t * t'''
    return t ** 3          # by numpy

# of one argument
@rrule.register(cube)
@unconjugated
def rrule_cube(_, t):
    def cube_pullback(g):
        return NoTangent(), g * 3 * np.square(t)  # checked by hand
    return cube(t), cube_pullback
"""
    )


def test_several_arguments() -> None:
    """Several live makers wait in thunks, `None` is a zero, no maker is an error;
    comments stay beside their entry."""
    assert (
        converted(
            """
from autograd.extend import defvjp as register_vjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f

@primitive
def blend(x, y, mode: str, w):
    return x * y ** w

register_vjp(
    blend,
    lambda out, a, b, m, c: unbroadcast_f(a, lambda dout: dout * out / a),
    # the second one
    lambda out, a, b, m, c: unbroadcast_f(b, lambda dout: dout * c
        * out / b),
    None,     # never trained
    argnums=[0, 1, 3],
)
""",
            AUTOGRAD,
        )
        == """\
from rules_runtime import NoTangent, Thunk, UnbroadcastTo, ZeroTangent, rrule, unconjugated

def blend(x, y, mode: str, w):
    return x * y ** w

@rrule.register(blend)
@unconjugated
def rrule_blend(_, x, y, mode, w):
    out = blend(x, y, mode, w)
    to_x, to_y = UnbroadcastTo(x), UnbroadcastTo(y)
    def blend_pullback(dout):
        return (
            NoTangent(),
            Thunk(lambda: to_x(dout * out / x)),
            # the second one
            Thunk(lambda: to_y(dout * w
                * out / y)),
            NoTangent(),
            ZeroTangent(),     # never trained
        )
    return out, blend_pullback
"""
    )


def test_names_that_clash() -> None:
    """The output and the cotangent get other names where a parameter, or what a maker reads,
    has theirs."""
    text = converted(
        HEAD + "\ng = 2.0\n\n@primitive\ndef f(ans):\n    return g * ans\n\n"
        "defvjp(f, lambda _, x: lambda dy: dy * g * _ / x)\n",
        AUTOGRAD,
    )
    assert "def rrule_f(_, ans):\n    ans_ = f(ans)\n" in text
    assert "return NoTangent(), dy * g * ans_ / ans\n    return ans_, f_pullback" in text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def defvjp(*a): ...\ndefvjp(1, lambda ans, x: lambda g: g)\n", id="own"),
        pytest.param("import autograd\n'defvjp(f, None)'  # defvjp\n", id="strings, comments"),
        pytest.param(HEAD + "@primitive\ndef f(x): return x\n", id="no rule"),
    ],
)
def test_what_is_none_of_autograds(text: str) -> None:
    outcome = outcome_of(text, AUTOGRAD)
    assert isinstance(outcome, FileUnchanged)
    assert not outcome.left


def test_rules_stand_apart() -> None:
    """From code on the line above; a comment there belongs to the rule."""
    functions = "".join(f"@primitive\ndef {f}(x):\n    return x\n" for f in "abc")
    rules = [f"defvjp({f}, lambda ans, x: lambda g: g)\n" for f in "abc"]
    text = converted(HEAD + functions + rules[0] + rules[1] + "# the last\n" + rules[2], AUTOGRAD)
    assert "    return x\n\n@rrule.register(a)\n" in text
    assert "    return a(x), a_pullback\n\n@rrule.register(b)\n" in text
    assert "    return b(x), b_pullback\n# the last\n@rrule.register(c)\n" in text


def test_numpy_stays_autograds_where_autograd_stays() -> None:
    text = converted(
        "from autograd import grad\n" + HEAD + "@primitive\ndef f(x):\n    return x\n"
        "defvjp(f, lambda ans, x: lambda g: np.conj(g))\ngradient = grad(f)\n",
        AUTOGRAD,
    )
    assert "from autograd import grad\n" in text
    assert "import autograd.numpy as np\n" in text
