"""Which form a registration of autograd's takes, and what is left."""

from __future__ import annotations

import pytest

from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from tests.support.converting import outcome_of

DROP = Options(dialects=("autograd",), autograd="drop")
HEAD = (
    "import functools\nimport autograd as ag\nimport autograd.numpy as np\nimport numpy as onp\n"
    "from autograd.tracer import getval\n"
    "from autograd.extend import primitive, defvjp, defvjp_argnum, defvjp_argnums, defjvp\n"
    "NUMBERS = (0,)\nf_pullback = x = make = makers = 1\n"
    "@primitive\ndef f(x):\n    return 2 * x\ndef h(x):\n    return x\n"
    "@primitive\ndef two(x, y):\n    return x * y\n"
    "def maker(ans, x):\n    return lambda g: 2 * g\n"
    "def shared(ans, x):\n    return lambda g: 2 * g\nkept = shared\n"
)


@pytest.mark.parametrize(
    ("rule", "form", "text"),
    [
        ("defvjp(f, lambda ans, x: lambda g: g)", "I1", "return NoTangent(), g"),
        ("slope = lambda o, t: lambda dy: dy * t\ndefvjp(f, slope)", "I1", "NoTangent(), dy * x"),
        ("defvjp(f, lambda ans, x: lambda g: (g, g))", "I1", "Tangent[tuple](g, g)"),
        ("defvjp(f, lambda ans, x: lambda g: [g, g])", "I1", "Tangent[list](g, g)"),
        ("defvjp(f, lambda ans, x: lambda g: g, argnums=NUMBERS)", "I1", "return NoTangent(), g"),
        ("defvjp(f, lambda ans, x: lambda g: g, None)", "A", "from_vjpmakers(f, lambda ans"),
        (
            "if f:\n    defvjp(f, lambda ans, x: lambda g: g)",
            "I1",
            "    @rrule.register(f)\n    def",
        ),
        ("defvjp(f, maker)", "I2", "def rrule_f(_, x):\n    def f_pullback(g):"),
        ("defvjp(f, shared)", "C", "vjp = shared(ans, x)"),
        ("defvjp(f, lambda ans, x: make(x))", "C", "vjp = make(x)"),
        ("defvjp(f, functools.partial(make, 3))", "C", "vjp = make(3, ans, x)"),
        ("defvjp(f, make(3))", "C", "make_f_0 = make(3)\n@rrule.register(f)"),
        ("defvjp(f, make(3)); y = 1", "A", "rrule.register(f)(from_vjpmakers(f, make(3))); y = 1"),
        ("defvjp(f, lambda ans, x, y: lambda g: g)", "C", "make_f_0(ans, x, *args, **kwargs)"),
        ("defvjp(f, lambda ans, x=1: lambda g: g)", "C", "make_f_0(ans, x, *args, **kwargs)"),
        ("defvjp(f, lambda ans, *args: lambda g: g * args[0])", "C", "make_f_0(ans, x)"),
        ("defvjp(f, lambda ans, t: lambda g: g * t * x)", "C", "make_f_0(ans, t, *args"),
        ("defvjp(f, lambda ans, x: lambda g: g * f_pullback)", "C", "make_f_0(ans, x, *args"),
        ("defvjp(f, lambda ans, t: lambda g: sum(x * t for x in g))", "C", "make_f_0(ans, x)"),
        ("defvjp(f, *makers)", "A", "rrule.register(f)(from_vjpmakers(f, *makers))"),
        ("defvjp(f, maker, argnums=range(f()))", "A", "f, maker, argnums=range(f())))"),
        ("defvjp_argnum(f, make)", "A", "from_vjpmaker_argnum(f, make)"),
        ("defvjp_argnums(f, make)", "A", "from_vjpmaker_argnums(f, make)"),
        ("defvjp(f, None)", "non-differentiable", "non_differentiable(f)"),
        ("defvjp(np.sin, lambda ans, x: lambda g: g)", "I1", "@rrule.register(np.sin)"),
        (
            "defvjp(np.where, None, lambda ans, c, x=None, y=None: lambda g: g)",
            "A",  # `where(c, None, None)` is not `where(c)`
            "from_vjpmakers(np.where, None, lambda",
        ),
        ("ag.extend.defvjp(f, lambda ans, x: lambda g: g)", "I1", "return NoTangent(), g"),
    ],
)
def test_forms(rule: str, form: str, text: str) -> None:
    outcome = outcome_of(f"{HEAD}{rule}\n", DROP)
    assert isinstance(outcome, FileConverted), outcome
    (converted,) = outcome.converted
    assert converted.form == form
    assert text in outcome.after.decode()
    assert not outcome.left


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("defvjp(h, lambda ans, x: lambda g: g)", "put @primitive above it"),
        ("defvjp(onp.sin, lambda ans, x: lambda g: g)", "is no primitive of autograd's"),
        ("w = getattr(np, '_where', np.where)\ndefvjp(w, None)", "for autograd alone"),
        ("defvjp(*makers)", "its target is not written out"),
        ("defvjp(f, make, other=1)", "other keyword arguments than argnums"),
    ],
)
def test_what_is_left(rule: str, reason: str) -> None:
    outcome = outcome_of(f"{HEAD}{rule}\n", DROP)
    assert isinstance(outcome, FileUnchanged), outcome
    (left,) = outcome.left
    assert left.code == "RM206"
    assert reason in left.reason


def test_what_keep_goes_on_using_stays_imported() -> None:
    text = "from autograd.extend import defvjp_argnums, primitive\n@primitive\ndef f(x):\n    return x\n"
    outcome = outcome_of(f"{text}defvjp_argnums(f, make)\n", Options(dialects=("autograd",)))
    assert isinstance(outcome, FileConverted)
    after = outcome.after.decode()
    assert "import defvjp_argnums, primitive\n" in after
    assert "\ndefvjp_argnums(f, vjps_from_rrule(f))\n" in after


PLACES = """
class Model:
    def __init__(self, f):
        self.other = primitive(f)
        defvjp(self.other, lambda ans, x: lambda g: g * self.slope(x))

    @primitive
    def inside(self, x):
        return x * self.k

    defvjp(inside, None, lambda ans, self, x: lambda g: g * self.k)

    def slope_of(ans, self, x):
        k = 2
        return lambda g: g * k

    @primitive
    def by_def(self, x):
        return x * 2

    defvjp(by_def, None, slope_of)

for n in range(3):
    def made(ans, x):
        return lambda g: g * n

    h = primitive(lambda x: n * x)
    defvjp(h, made)
    k = primitive(lambda x: n * x)
    defvjp(k, functools.partial(made))

@primitive
def named(x):
    return x

defvjp(named, lambda named, x: lambda g: g)
gvar.erf = primitive(gvar.erf)
defvjp(gvar.erf, lambda ans, x: lambda g: g * x)
smooth = primitive(gvar.smooth)
defvjp(smooth, lambda ans, x, *args, **kwargs: lambda g: smooth(g, *args, **kwargs))
"""


def test_names_that_mean_something_else_when_the_rule_is_called() -> None:
    """In classes and loops nothing is called by the name that it had there."""
    outcome = outcome_of(f"import gvar\n{HEAD}{PLACES}", DROP)
    assert isinstance(outcome, FileConverted)
    text = outcome.after.decode()
    forms = {rule.target: rule.form for rule in outcome.converted}
    assert forms == {
        "self.other": "I1",
        "inside": "I1",
        "by_def": "A",
        "h": "A",
        "k": "A",
        "named": "I1",
        "gvar.erf": "I1",
        "smooth": "I1",
    }
    assert "        def rrule_self_other(callee, x):\n" in text
    assert "        return callee(self, x), inside_pullback\n" in text
    assert "    rrule.register(by_def)(from_vjpmakers(by_def, None, slope_of))\n" in text
    assert "    rrule.register(h)(from_vjpmakers(h, made))\n" in text
    assert "    return callee(x), named_pullback\n" in text
    assert "gvar.erf = _primitive(gvar.erf)\n" in text  # two of @primitive have no rule
    assert "def rrule_smooth(_, x, *args, **kwargs):\n" in text


def test_bound_methods_are_left() -> None:
    """Autograd keeps rules by the function of the class."""
    text = (
        f"{HEAD}class Solver:\n    @primitive\n    def solve(self, x):\n        return x\n\n"
        "    def __init__(self):\n        defvjp(self.solve, self.vjp)\n"
    )
    outcome = outcome_of(text, DROP)
    assert isinstance(outcome, FileUnchanged)
    (left,) = outcome.left
    assert "register the function of the class" in left.reason


@pytest.mark.parametrize("maker", ["lambda ans, f_pullback: lambda g: g * f_pullback", "back"])
def test_a_parameter_with_the_name_of_the_pullback(maker: str) -> None:
    text = f"""
@primitive
def f(f_pullback):
    return f_pullback ** 2 / 2

def back(ans, f_pullback):
    return lambda g: g * f_pullback

defvjp(f, {maker})
"""
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert "    def f_pullback_(g):\n        return NoTangent(), g * f_pullback" in (
        outcome.after.decode()
    )


@pytest.mark.parametrize(
    ("maker", "text"),
    [
        ("lambda *args, **kw:\n       make(*args, **kw)", "make_f_0 = (lambda *args, **kw:\n"),
        ("lambda ans, x:\n       make\n       (x)", "vjp = (make\n"),
        ("make\n       (3)", "make_f_0 = (make\n"),
        ("lambda ans, x: lambda g: g\n       + x", "        return (\n            NoTangent(),\n"),
    ],
)
def test_lines_lean_on_the_parentheses_of_the_call(maker: str, text: str) -> None:
    outcome = outcome_of(f"{HEAD}defvjp(f, {maker})\n", DROP)
    assert isinstance(outcome, FileConverted)
    assert text in outcome.after.decode()
    assert outcome.converted[0].form != "A"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "made = [defvjp(p, maker) for p in (f,)]",
            (
                "made = [(rrule.register(p)(from_vjpmakers(p, maker)), "
                "defvjp_argnums(p, vjps_from_rrule(p)))[1] for p in (f,)]"
            ),
        ),
        (
            "y = 1; defvjp(f, *makers)",
            (
                "y = 1; rrule.register(f)(from_vjpmakers(f, *makers)); "
                "defvjp_argnums(f, vjps_from_rrule(f))"
            ),
        ),
        (
            "defvjp(f, maker, **kept)",
            (
                "rrule.register(f)(from_vjpmakers(f, maker, **kept))\n"
                "defvjp_argnums(f, vjps_from_rrule(f))"
            ),
        ),
    ],
)
def test_autograd_goes_on_where_no_statement_has_room(rule: str, text: str) -> None:
    outcome = outcome_of(f"{HEAD}{rule}\n", Options(dialects=("autograd",)))
    assert isinstance(outcome, FileConverted)
    assert text in outcome.after.decode()


def test_parameters_of_a_partial() -> None:
    text = "def pair(k, ans, a, b):\n    return lambda g: g\n"
    text += "solve = primitive(onp.linalg.solve)\n"
    text += "defvjp(solve, functools.partial(pair, 0), functools.partial(pair, 1))\n"
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert "def rrule_solve(_, a, b):\n    ans = solve(a, b)\n" in outcome.after.decode()
    assert "Thunk(lambda: pair(1, ans, a, b)(g))" in outcome.after.decode()


def test_an_output_that_is_all_that_is_deleted() -> None:
    text = "def m(ans, x):\n    del ans  # not kept\n    return lambda g: g\ndefvjp(f, m)\n"
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert outcome.converted[0].form == "I2"
    assert "    y = f(x)\n    pass  # not kept\n" in outcome.after.decode()


@pytest.mark.parametrize(
    ("default", "form"),
    [
        ("2.0", "I1"),
        ("(1, -1)", "I1"),
        ("np.pi", "I1"),
        ("WIDTH", "I1"),
        ("REBOUND", "C"),
        ("{}", "C"),
        ("np.zeros(3)", "C"),
    ],
)
def test_a_default_is_written_again_where_it_is_the_same(default: str, form: str) -> None:
    """One that is made anew, or means something else by then, is left to the primal."""
    text = (
        f"WIDTH = 1\nREBOUND = 1\n@primitive\ndef wide(x, k={default}):\n    return x\nREBOUND = 2\n"
        f"defvjp(wide, lambda ans, x, k={default}: lambda g: g)\n"
    )
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert outcome.converted[0].form == form


def test_a_default_of_a_class() -> None:
    text = (
        "class K:\n    WIDTH = 2.0\n    @primitive\n    def f(self, x, k=WIDTH):\n        return x * k\n"
        "defvjp(K.f, None, lambda ans, self, x, k=K.WIDTH: lambda g: g * k)\n"
    )
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert "k=WIDTH):\n    return" not in outcome.after.decode()
    assert outcome.converted[0].form == "A"


def test_a_parameter_with_the_name_of_a_projection() -> None:
    text = """
from autograd.numpy.numpy_vjps import unbroadcast_f

@primitive
def f(x, to_x):
    return x * to_x

defvjp(f, lambda ans, x, to_x: unbroadcast_f(x, lambda g: g * to_x))
"""
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert "    to_x_ = UnbroadcastTo(x)\n" in outcome.after.decode()
    assert "to_x_(g * to_x)" in outcome.after.decode()


def test_a_lambda_from_elsewhere_reads_what_it_read() -> None:
    """Where a name of it means something else at the registration, it stays where it is."""
    text = (
        "scale = 2.0\nslope = lambda ans, x: lambda g: g * scale\n"
        "def made(scale):\n    @primitive\n    def f(x):\n        return x * 2.0\n"
        "    defvjp(f, slope)\n    return f\n"
    )
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert "slope(ans, x)" in outcome.after.decode()
    assert "g * scale\n        return" not in outcome.after.decode()


def test_a_maker_above_its_target_stays() -> None:
    text = (
        "def m(ans, x):\n    return lambda g: g\nfrom autograd.numpy import tanh\ndefvjp(tanh, m)\n"
    )
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert outcome.converted[0].form == "C"
