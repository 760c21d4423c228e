"""The outside of a rule: decorators, name, parameters, registration."""

from __future__ import annotations

import pytest

from migrate.model import FileConverted
from tests.support.converting import converted, outcome_of, text_of

HEAD = "import numpy as np\nfrom zygote_rules import adjoint\n\n"


def body(text: str) -> str:
    """What becomes of what stands under the imports."""
    result = converted(HEAD + text_of(text))
    return result[result.index("rrule\n") + len("rrule\n") :].lstrip("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "@adjoint\ndef f(x): return x, lambda d: (d,)\n",
            "@rrule.register(f)\ndef rrule_f(_, x): return x, lambda d: (NoTangent(), d)\n",
            id="bare",
        ),
        pytest.param(
            "@adjoint(np.sin)\ndef _(x): return x, lambda d: (d,)\n",
            "@rrule.register(np.sin)\ndef rrule_sin(_, x): return x, lambda d: (NoTangent(), d)\n",
            id="a nameless rule is named after its target",
        ),
        pytest.param(
            "@adjoint(np.sin)\ndef g(x): return x, lambda d: (d,)\n\n\n__all__ = ['g']\n",
            "@rrule.register(np.sin)\ndef g(_, x): return x, lambda d: (NoTangent(), d)\n\n\n__all__ = ['g']\n",
            id="a name that other code refers to is kept",
        ),
        pytest.param(
            "@adjoint(np.sin)\n@adjoint(np.cos)\ndef g(x): return x, lambda d: (d,)\n",
            "@rrule.register(np.sin)\n@rrule.register(np.cos)\ndef rrule_g(_, x): return x, lambda d: (NoTangent(), d)\n",
            id="two targets",
        ),
        pytest.param(
            "class C:\n    @adjoint\n    def __call__(self, x):\n        return x, lambda d: (self.t(d), d * 2.0)\n".replace(
                "self.t(d)", "d * 1.0"
            ),
            "class C:\n    @rrule.register(__call__)\n    def rrule_call(self, x):\n        return x, lambda d: (d * 1.0, d * 2.0)\n",
            id="functor: nothing is inserted",
        ),
        pytest.param(
            "@adjoint\ndef f(_, x): return x, lambda d: (d, d)\n",
            "@rrule.register(f)\ndef rrule_f(_callee, _, x): return x, lambda d: (NoTangent(), d, d)\n",
            id="the callee's name is taken",
        ),
        pytest.param(
            "@adjoint\ndef f(*xs): return xs[0], lambda d: (d,) * len(xs)\n",
            "@rrule.register(f)\ndef rrule_f(_, *xs): return xs[0], lambda d: (NoTangent(), *((d,) * len(xs)))\n",
            id="varargs",
        ),
        pytest.param(
            "@adjoint  # why\n# note\ndef f(x): return x, lambda d: (d,)\n",
            "@rrule.register(f)  # why\n# note\ndef rrule_f(_, x): return x, lambda d: (NoTangent(), d)\n",
            id="comments at decorators",
        ),
        pytest.param(
            "@ adjoint( np.sin )\ndef  f ( x ) : return x, lambda d: (d,)\n",
            "@ rrule.register( np.sin )\ndef  rrule_f ( _, x ) : return x, lambda d: (NoTangent(), d)\n",
            id="spaces",
        ),
        pytest.param(
            "adjoint(np.sin)(lambda x: (x, lambda d: (d,)))\n",
            "rrule.register(np.sin)(lambda _, x: (x, lambda d: (NoTangent(), d)))\n",
            id="called with a lambda",
        ),
        pytest.param(
            "def g(x): return x, lambda d: (d,)\nadjoint(np.sin)(g)\n",
            "def g(_, x): return x, lambda d: (NoTangent(), d)\nrrule.register(np.sin)(g)\n",
            id="called with a name",
        ),
        pytest.param(
            "for t in (np.sin, np.cos):\n    @adjoint(t)\n    def g(x): return x, lambda d: (d,)\n",
            "for t in (np.sin, np.cos):\n    @rrule.register(t)\n    def rrule_g(_, x): return x, lambda d: (NoTangent(), d)\n",
            id="in a loop",
        ),
        pytest.param(
            "def f(x): return x\n\n\n@lambda f: f\n@adjoint\ndef f(x): return x, lambda d: (d,)\n",
            "def f(x): return x\n\n\n@rrule.register(f)\ndef rrule_f(_, x): return x, lambda d: (NoTangent(), d)\n\n\n"
            "f = (lambda f: f)(f)\n",
            id="an expression as a decorator above",
        ),
    ],
)
def test_converted(before: str, after: str) -> None:
    assert body(before) == after


def test_overloads_get_names_of_their_own() -> None:
    rule = "@adjoint\ndef f(x: {}): return x, lambda d: (d,)\n"
    result = body("".join(rule.format(kind) for kind in ("int", "float", "str")))
    assert [line for line in result.splitlines() if line.startswith("def")] == [
        "def rrule_f(_, x: int): return x, lambda d: (NoTangent(), d)",
        "def rrule_f_2(_, x: float): return x, lambda d: (NoTangent(), d)",
        "def rrule_f_3(_, x: str): return x, lambda d: (NoTangent(), d)",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("@adjoint(f, g)\ndef r(x): return x, lambda d: (d,)\n", id="two arguments"),
        pytest.param(
            "@adjoint(f, option=1)\ndef r(x): return x, lambda d: (d,)\n",
            id="an option that does not exist",
        ),
        pytest.param(
            "@adjoint(f, mutating=True)\ndef r(x): return x, lambda d: (d,)\n", id="mutating"
        ),
        pytest.param(
            "@adjoint  # rrule-migrate: skip\ndef f(x): return x, lambda d: (d,)\n", id="skip"
        ),
        pytest.param("@adjoint\nasync def f(x): return x, lambda d: (d,)\n", id="coroutine"),
        pytest.param("@adjoint\ndef f(x): yield x\n", id="generator"),
        pytest.param("@adjoint\ndef f(x): return x, lambda d: 2 * d\n", id="no tuple"),
        pytest.param("@adjoint\ndef f(x): return x, lambda d: [d]\n", id="a list"),
        pytest.param("@adjoint\ndef f(x): return x, lambda d: {'x': d}\n", id="a dict"),
        pytest.param("@adjoint\ndef f(x): return x, lambda d: (d, d)\n", id="too many"),
        pytest.param("@adjoint\ndef f(x, y): return x, lambda d: (d,)\n", id="too few"),
    ],
)
def test_left_exactly_as_it_was(text: str) -> None:
    outcome = outcome_of(HEAD + text)
    assert not isinstance(outcome, FileConverted)
    (left,) = outcome.left  # type: ignore[union-attr]
    assert left.reason and left.code.startswith("RM2")
    assert left.line in (4, 5)


def test_a_key_that_is_no_name_has_no_attribute() -> None:
    text = """
        class P:
            a: float

        @adjoint
        def f(p: P):
            def back(d):
                dp = {"a": d}
                return {"if x:": dp, "class": dp, "b": dp},
            return f(p), back
    """
    found = outcome_of(HEAD + text_of(text))
    assert isinstance(found, FileConverted), found  # and so it compiles
    assert "p.if" not in found.after.decode()
    assert "p.class" not in found.after.decode()
