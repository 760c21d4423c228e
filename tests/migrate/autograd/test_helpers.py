"""Autograd's helpers inside of a rule: what stands in their place, and what stays."""

from __future__ import annotations

import ast

import pytest

from migrate.dialects.autograd.helpers import Helped, helped
from migrate.dialects.autograd.language import NAMES
from migrate.model import FileConverted
from migrate.options import Options
from migrate.rules.legacy_names import Language, find_legacy_names
from migrate.rules.module import Module
from migrate.syntax.scopes import analyse_scopes
from migrate.syntax.source import read_source
from migrate.syntax.texts import Texts
from tests.support.converting import converted, outcome_of

HEAD = """\
import autograd.numpy as np
from autograd import grad, value_and_grad, elementwise_grad, make_vjp, jacobian
from autograd.extend import vspace, SparseObject
from autograd.tracer import getval
from autograd.numpy.numpy_vjps import match_complex, balanced_eq
"""
LANGUAGE = Language(
    NAMES, ("autograd", "autograd.extend", "autograd.tracer", "autograd.numpy.numpy_vjps")
)


def of(text: str, head: str = HEAD, *, ask_ad: bool = True) -> tuple[str, Helped]:
    """The text of the last statement of a file with the helpers in it changed."""
    source = read_source((head + text).encode())
    module = Module(source, analyse_scopes(source.tree))
    legacy = find_legacy_names(module.scopes, LANGUAGE)
    last = source.tree.body[-1]
    returned = [n.value for n in ast.walk(last) if isinstance(n, ast.Return) and n.value]
    lambdas = [n.body for n in ast.walk(last) if isinstance(n, ast.Lambda)]
    found = helped([last], [*returned, *lambdas], module, legacy, str, ask_ad=ask_ad)
    return Texts(source, found.changes).of(last), found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f = lambda g: np.reshape(g, vspace(x).shape)", "np.reshape(g, np.shape(x))"),
        ("f = lambda g: g * vspace(x).size", "g * (np.size(x) * (1 + np.iscomplexobj(x)))"),
        ("f = lambda g: g.astype(vspace(a.b).dtype)", "g.astype(np.result_type(a.b))"),
        ("f = lambda g: g + vspace(x).zeros()", "g + np.zeros(np.shape(x), np.result_type(x))"),
        ("f = lambda g: g if vspace(x).iscomplex else 2", "g if np.iscomplexobj(x) else 2"),
        ("f = lambda g: g * getval(ans) ** 2", "g * ignore_derivatives(ans) ** 2"),
        ("f = lambda g: g * sum(map(getval, xs))", "g * sum(map(ignore_derivatives, xs))"),
        ("f = lambda g: match_complex(x, -1j * g)", "ProjectTo(x)(-1j * g)"),
        (
            "f = lambda g: match_complex(x, g) if x else match_complex(y, getval(g))",
            "ProjectTo(x)(g) if x else ProjectTo(y)(ignore_derivatives(g))",
        ),
        (
            "f = lambda g: SparseObject(vspace(x), lambda A: add(A, g))",
            """InplaceableThunk(lambda A: add(A, g), lambda: (lambda A: add(A, g))\
(np.zeros(np.shape(x), np.result_type(x))))""",
        ),
        (
            "f = lambda g: grad(f, 1)(x, y, n=2) * g",
            "rrule_via_ad(config, f, x, y, n=2)[1](1.0)[2] * g",
        ),
        ("f = lambda g: make_vjp(f)(x)[0](g)", "rrule_via_ad(config, f, x)[1](g)[1]"),
        (
            "f = lambda g: make_vjp(f)(x)[1] * g",
            "(lambda y, back: (lambda dy: back(dy)[1], y))(*rrule_via_ad(config, f, x))[1] * g",
        ),
        (
            "f = lambda g: value_and_grad(lambda t: t * x)(y)",
            "(lambda y, back: (y, back(1.0)[1]))(*rrule_via_ad(config, lambda t: t * x, y))",
        ),
        (
            "f = lambda g: g * elementwise_grad(f)(*xs[1:], **kw)",
            None,  # which argument is the first one cannot be seen
        ),
        ("f = lambda g: grad(f, argnum=(0, 1))(x, y)[0]", None),
        ("f = lambda g: grad(f)", None),
        ("f = lambda g: jacobian(f)(x) @ g", None),
        ("f = lambda g: np.sum(match_complex(x, g))", None),  # a projection checks the shape
        ("f = lambda g: g * balanced_eq(x, ans, y)", None),
        ("f = lambda g: g + vspace(h(x)).zeros()", None),  # h would be called twice
        ("f = lambda g: untake(g, vspace(x))", None),
        ("f = lambda g: box(SparseObject(vspace(x), add))", None),
    ],
)
def test_expressions(before: str, after: str | None) -> None:
    text, found = of(before)
    if after is None:
        assert text == before
        assert len(found.notes) >= 1
        assert not found.config
        return
    assert text == f"f = lambda g: {after}"
    assert not found.notes
    assert found.config == ("rrule_via_ad" in text)
    assert found.used


def test_a_vector_space_with_a_name() -> None:
    """Only what is asked of it is computed, before the pullback, and no array is kept."""
    text, found = of(
        """
def rule(x, shape):
    vs = vspace(x)   # of x
    def vjp(g):
        if vs.ndim > 1:
            return np.reshape(g, vs.shape) + vs.zeros()
        return g.astype(vs.dtype)
    return vjp
"""
    )
    assert text == (
        """def rule(x, shape):
    ndim, vs_shape, dtype = np.ndim(x), np.shape(x), np.result_type(x)   # of x
    def vjp(g):
        if ndim > 1:
            return np.reshape(g, vs_shape) + np.zeros(vs_shape, dtype)
        return g.astype(dtype)
    return vjp"""
    )
    assert not found.notes


def test_a_vector_space_that_is_handed_on_stays() -> None:
    body = "def rule(x):\n    vs = vspace(x)\n    return lambda g: untake(g, vs) * vs.size"
    text, found = of(body)
    assert text == body
    assert [n.message.partition(":")[0] for n in found.notes] == ["`vspace` stays autograd's"]


def test_a_sparse_cotangent_waits() -> None:
    text, found = of(
        """
def rule(table, places):
    vs = vspace(table)
    def vjp(g):
        def mut_add(total):
            onp.add.at(total, places, g)
            return total
        return SparseObject(vs, mut_add)
    return vjp
"""
    )
    assert "    shape, dtype = np.shape(table), np.result_type(table)\n" in text
    zeros = "mut_add(np.zeros(shape, dtype))"
    assert f"        return InplaceableThunk(mut_add, lambda: {zeros})\n" in text
    assert len(found.lazy) == 1
    assert not found.notes


def test_without_numpy_there_is_no_shape() -> None:
    text, found = of(
        "f = lambda g: g.reshape(vspace(x).shape)", "from autograd.extend import vspace\n"
    )
    assert text.endswith("vspace(x).shape)")
    assert found.notes


def test_names_of_other_modules_are_nothing() -> None:
    text, found = of(
        "f = lambda g: grad(f)(x) + vspace(x).shape", "import numpy as np\nfrom mine import grad\n"
    )
    assert text == "f = lambda g: grad(f)(x) + vspace(x).shape"
    assert not found.notes
    assert not found.used


def test_calls_into_the_ad_that_stay() -> None:
    text, found = of("f = lambda g: grad(f)(x) * g", ask_ad=False)
    assert text == "f = lambda g: grad(f)(x) * g"
    assert "first order" in found.notes[0].message


def test_which_calls_ask_the_ad() -> None:
    """Their results pair as the runtime's do; a value that comes with them does not."""
    _, found = of("f = lambda g: make_vjp(f)(x)[0](2 * g)")
    ((call, cotangent),) = found.by_ad.items()
    assert ast.unparse(call) == "make_vjp(f)(x)[0](2 * g)"
    assert cotangent is not None
    assert ast.unparse(cotangent) == "2 * g"
    _, found = of("f = lambda g: value_and_grad(f)(x)[1] * g")
    assert found.config
    assert not found.by_ad


DROP = Options(dialects=("autograd",), autograd="drop")


def rule_in(text: str) -> str:
    new = converted(HEAD + "from autograd.extend import primitive, defvjp\n" + text, DROP)
    return new[new.index("@rrule.register") :]


def test_a_rule_that_asks_the_ad() -> None:
    """It takes a config; pairs of the AD are the runtime's, so that nothing is conjugated."""
    assert (
        rule_in(
            """
@primitive
def both(f, x, config=1):
    return f(x)

defvjp(both, None, lambda ans, f, x, config=1: lambda g: make_vjp(f)(x)[0](2 * g))
"""
        )
        == """\
@rrule.register(both)
def rrule_both(config_: RuleConfig[HasReverseMode], _, f, x, config=1):
    def both_pullback(g):
        return (
            NoTangent(),
            ZeroTangent(),
            rrule_via_ad(config_, f, x)[1](2 * g)[1],
            NotImplementedTangent("both: no derivative with respect to config"),
        )
    return both(f, x, config), both_pullback
"""
    )


def test_a_formula_around_the_ad_keeps_autograds() -> None:
    """`x` may be complex, and then the formula and the AD pair in two ways."""
    text = """
@primitive
def scaled(f, x):
    return x * f(x)

defvjp(scaled, None, lambda ans, f, x: lambda g: g * (ans / x + x * grad(f)(x)))
"""
    outcome = outcome_of(HEAD + "from autograd.extend import primitive, defvjp\n" + text, DROP)
    assert isinstance(outcome, FileConverted)
    new = outcome.after.decode()
    assert "@unconjugated" in new
    assert "x * grad(f)(x)" in new
    assert "rrule_via_ad" not in new
    ((note,),) = (rule.notes for rule in outcome.converted)
    assert "first order" in note.message
    real = Options(dialects=("autograd",), autograd="drop", real=True)
    outcome = outcome_of(HEAD + "from autograd.extend import primitive, defvjp\n" + text, real)
    assert isinstance(outcome, FileConverted)
    assert "x * rrule_via_ad(config, f, x)[1](1.0)[1]" in outcome.after.decode()


def test_a_maker_with_a_sparse_cotangent_becomes_the_rule() -> None:
    text = """
import numpy as onp

@primitive
def picked(x, at):
    return x[at]

def grad_picked(ans, x, at):
    space = vspace(x)
    def vjp(g):
        def into(total):
            onp.add.at(total, at, g)
            return total
        return SparseObject(space, into)
    return vjp

defvjp(picked, grad_picked)
"""
    assert (
        rule_in(text)
        == """\
@rrule.register(picked)
def rrule_picked(_, x, at):
    ans = picked(x, at)
    shape, dtype = np.shape(x), np.result_type(x)
    def picked_pullback(g):
        def into(total):
            onp.add.at(total, at, g)
            return total
        return NoTangent(), InplaceableThunk(into, lambda: into(np.zeros(shape, dtype))), NoTangent()
    return ans, picked_pullback
"""
    )


def test_a_sparse_cotangent_of_a_helper_is_adapted() -> None:
    """The runtime makes an array of it when it is there."""
    text = """
def sparse(space, g):
    return SparseObject(space, lambda total: total + g)

@primitive
def f(x):
    return x

defvjp(f, lambda ans, x: lambda g: sparse(vspace(x), g))
"""
    new = converted(HEAD + "from autograd.extend import primitive, defvjp\n" + text, DROP)
    assert "rrule.register(f)(from_vjpmakers(f, lambda ans, x: lambda g: sparse(" in new


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (", defvjp, vspace", "defvjp(f, lambda ans, x: lambda g: g.reshape(vspace(x).shape))"),
        ("", "f.defvjp(lambda g, ans, vs, gvs, x: g.reshape(vs.shape))"),
    ],
)
def test_numpy_stays_imported_where_only_the_new_text_asks_it(more: str, rule: str) -> None:
    text = f"""
import autograd.numpy as np
from autograd.extend import primitive{more}

@primitive
def f(x):
    return x

{rule}
"""
    new = converted(text, DROP)
    assert "import numpy as np" in new
    assert "autograd" not in new


def test_two_spaces_have_two_names() -> None:
    text, _ = of(
        """
def rule(ans, x):
    vs = vspace(x)
    gvs = vspace(ans)
    return lambda g: np.reshape(g, vs.shape) * len(gvs.shape)
"""
    )
    assert "    shape = np.shape(x)\n    gvs_shape = np.shape(ans)\n" in text
    assert "np.reshape(g, shape) * len(gvs_shape)" in text


def test_functions_beside_rules() -> None:
    """What only makers use asks numpy, too: of any order on the tape. Other functions stay."""
    text = """
from autograd.extend import defvjp, primitive, vspace
import autograd.numpy as np

def fitted(g, x):
    vs = vspace(x)
    return deeper(g, vs.shape)

def deeper(g, shape):
    return np.reshape(g, shape) + vspace(g).zeros()

def public(x):
    return vspace(x).shape

@primitive
def f(x, y):
    return x + y

defvjp(f, lambda ans, x, y: lambda g: fitted(g, x), lambda ans, x, y: lambda g: g * len(public(y)))
print(public(1.0))
"""
    outcome = outcome_of(text, DROP)
    assert isinstance(outcome, FileConverted)
    new = outcome.after.decode()
    assert "    shape = np.shape(x)\n    return deeper(g, shape)\n" in new
    assert "np.reshape(g, shape) + np.zeros(np.shape(g), np.result_type(g))" in new
    assert "    return vspace(x).shape\n" in new
    assert "from autograd.extend import vspace\n" in new


def test_a_sparse_cotangent_beside_others_needs_no_thunk() -> None:
    new = rule_in(
        """
@primitive
def f(x, y):
    return x * y

defvjp(
    f,
    lambda ans, x, y: lambda g: SparseObject(vspace(x), lambda total: total + g * y),
    lambda ans, x, y: lambda g: g * x,
)
"""
    )
    assert "            InplaceableThunk(lambda total: total + g * y, lambda: (" in new
    assert "            Thunk(lambda: g * x),\n" in new
