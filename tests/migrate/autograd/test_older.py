"""The spellings of autograd 1.1 (`f.defvjp`, the cotangent first) and 1.0 (`f.defgrad`)."""

from __future__ import annotations

import pytest

from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from tests.support.converting import converted, outcome_of

DROP = Options(dialects=("autograd",), autograd="drop")
HEAD = """\
import autograd.numpy as np
from autograd.core import primitive
"""
NUMPY = "import numpy as np\n"


def rule_in(text: str) -> str:
    """What stands where the first registration of a file stood, to the end."""
    new = converted(HEAD + text, DROP)
    return new[new.index("@rrule.register") :]


def test_calls_for_one_function_are_one_rule() -> None:
    """They add up by argument, a later one for the same argument counts, a zero counts always."""
    assert (
        rule_in(
            """
@primitive
def f(x, y, z, k):
    return x * y * z + k

f.defvjp(lambda g, ans, vs, gvs, x, y, z, k: g * x)      # wrong
f.defvjp_is_zero(argnums=(2,))
f.defvjp(lambda g, ans, vs, gvs, x, y, z, k: g * y * z)  # with respect to x
other = 1
f.defvjp(lambda d, out, _vs, _gvs, a, b, c, e: d * out / b, argnum=1)
f.defvjp(lambda g, ans, vs, gvs, x, y, z, k: g * x * y, 2)
"""
        )
        == """\
@rrule.register(f)
@unconjugated
def rrule_f(_, x, y, z, k):
    ans = f(x, y, z, k)
    def f_pullback(g):
        return (
            NoTangent(),
            Thunk(lambda: g * y * z),
            Thunk(lambda: g * ans / y),
            ZeroTangent(),
            NotImplementedTangent("f: no derivative with respect to k"),
        )      # wrong
    return ans, f_pullback
# with respect to x
other = 1
"""
    )


def test_spaces_are_shapes() -> None:
    """Of the argument, and of the output; asked once, before the pullback."""
    assert (
        rule_in(
            """
@primitive
def f(x):
    return np.ravel(x)[:2]

f.defvjp(lambda g, ans, vs, gvs, x: np.reshape(g, vs.shape) if gvs.shape else vs.zeros() + vs.size)
"""
        )
        == """\
@rrule.register(f)
def rrule_f(_, x):
    ans = f(x)
    shape = np.shape(x)
    ans_shape = np.shape(ans)
    dtype = np.result_type(x)
    size = np.size(x) * (1 + np.iscomplexobj(x))
    def f_pullback(g):
        return NoTangent(), np.reshape(g, shape) if ans_shape else np.zeros(shape, dtype) + size
    return ans, f_pullback
"""
    )


def test_a_space_that_is_handed_on() -> None:
    """To a function of the file, or as a whole: the maker is given what it asks for."""
    assert (
        rule_in(
            """
def fit(vs, value):
    return np.reshape(value, vs.shape)

def grad_g(g, ans, vs, gvs, x, n=1):
    return fit(vs, g) * n

@primitive
def f(x):
    return x

f.defvjp(lambda g, ans, vs, gvs, x: fit(vs, g))

@primitive
def h(x, n=1):
    return x * n

h.defvjp(grad_g)
"""
        )
        == """\
@rrule.register(f)
def rrule_f(_, x):
    def f_pullback(g):
        return NoTangent(), fit(Space(x), g)
    return f(x), f_pullback

def h(x, n=1):
    return x * n

@rrule.register(h)
@unconjugated
def rrule_h(_, x, n=1):
    ans = h(x, n)
    def h_pullback(g):
        return NoTangent(), grad_g(g, ans, Space(x), Space(ans), x, n), NotImplementedTangent("h: no derivative with respect to n")
    return ans, h_pullback
"""
    )


def test_one_maker_for_several_arguments() -> None:
    """`defvjps` tells it which; a later rule for one of them counts."""
    text = """
@primitive
def f(x, y):
    return x * y

def grad_f(k, g, ans, vs, gvs, x, y):
    return g * (x, y)[1 - k]

f.defvjps(grad_f, [0, 1])
f.defvjp(lambda g, ans, vs, gvs, x, y: x * g, argnum=1)
"""
    new = rule_in(text)
    assert "Thunk(lambda: grad_f(0, g, ans, Space(x), Space(ans), x, y))" in new
    assert "Thunk(lambda: x * g)" in new
    assert "grad_f(1" not in new


def test_a_function_with_zeros_alone() -> None:
    text = "@primitive\ndef f(x, y):\n    return x > y\n\nf.defgrad_is_zero(argnums=(0, 1))\n"
    new = converted(HEAD + text, DROP)
    assert new.endswith("    return x > y\n\nnon_differentiable(f)\n")


def test_the_spelling_of_1_0() -> None:
    """`unbroadcast` with a function that has a name, and `op.neg`; makers in place."""
    new = rule_in(
        """
import operator as op
from autograd.numpy.numpy_grads import unbroadcast

same = lambda d: d

@primitive
def f(x, y, z):
    return x - y + z

f.defgrad(lambda ans, x, y, z: unbroadcast(ans, x, same))
f.defgrad(lambda ans, x, y, z: unbroadcast(ans, y, op.neg), argnum=1)
f.defgrad(lambda ans, x, y, z: unbroadcast(ans, z, lambda g: g / np.size(ans)), argnum=2)

@primitive
def h(x):
    return 2 * x

def make_grad_h(ans, x):
    two = 2.0
    def gradient(g):
        return g * two
    return gradient

h.defgrad(make_grad_h)
"""
    )
    assert "to_x, to_y, to_z = UnbroadcastTo(x), UnbroadcastTo(y), UnbroadcastTo(z)" in new
    for entry in ("to_x(d)", "to_y(-d)", "to_z(d / np.size(ans))"):
        assert f"Thunk(lambda: {entry})" in new
    assert "def rrule_h(_, x):\n    ans = h(x)\n    two = 2.0\n" in new


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f.defvjp(lambda g, ans, vs, gvs, x: g, argnum=WHICH)", "argnum is not written out"),
        ("f.defvjps(mk, range(n))", "argnums is not written out"),
        ("f.defvjp(*rules)", "unpacked"),
        ("f.defvjp(mk, 0, 1)", "not those of autograd"),
        ("done = f.defvjp(mk)", "not a statement of its own"),
        ("f.defvjp_is_zero(argnums=PLACES)", "argnums are not written out"),
    ],
)
def test_what_is_left(text: str, reason: str) -> None:
    outcome = outcome_of(f"{HEAD}\n@primitive\ndef f(x):\n    return x\n\n{text}\n", DROP)
    assert isinstance(outcome, FileUnchanged)
    assert [reason in left.reason for left in outcome.left] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n\nf.defvjp(lambda g, ans, vs, gvs, x: g)\n",  # of its own
        "from mine import f\nf.defgrad(lambda ans, x: lambda g: g)\n",
        "table.f.defvjp(fwd, bwd)\n",  # a method of something else: JAX has one
        "'f.defvjp(lambda g, ans, vs, gvs, x: g)'\n",
    ],
)
def test_methods_of_other_things(text: str) -> None:
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileUnchanged)
    assert not outcome.left


def test_rules_in_two_branches_are_not_one() -> None:
    """Each is a rule where it stands; which of them counts is seen when the program runs."""
    text = """
@primitive
def f(x):
    return x

if FAST:
    f.defvjp(lambda g, ans, vs, gvs, x: g)
else:
    f.defvjp(lambda g, ans, vs, gvs, x: g + 0 * x)
"""
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileConverted)
    assert outcome.after.decode().count("@rrule.register(f)") == 2


def test_autograd_is_given_the_rule() -> None:
    """In the words of today's autograd: that is the one which still runs."""
    text = "@primitive\ndef f(x):\n    return x\n\nf.defvjp(lambda g, ans, vs, gvs, x: 2 * g)\n"
    new = converted(HEAD + text, Options(dialects=("autograd",)))
    assert "from autograd.extend import defvjp_argnums" in new
    assert new.endswith("defvjp_argnums(f, vjps_from_rrule(f))\n")


FOREIGN = """
import numpy as np
from mine.core import defvjp, primitive

@primitive
def cube(x):
    return x ** 3

defvjp(cube, lambda g, ans, x: 3 * g * x ** 2)

def back(g, ans, x, y):
    return g * y

@primitive
def times(x, y):
    return x * y

defvjp(times, back, lambda g, ans, x, y: g * ans / y)
"""


@pytest.mark.parametrize("autograd", ["keep", "drop"])
def test_the_cotangent_first_under_the_new_name(autograd: str) -> None:
    """Another library's, which the user names: it is not given the rules as autograd is."""
    options = Options(dialects=("autograd",), autograd=autograd, legacy_modules=("mine.core",))
    new = converted(FOREIGN, options)
    assert "    def cube_pullback(g):\n        return NoTangent(), 3 * g * x ** 2\n" in new
    assert "Thunk(lambda: back(g, ans, x, y)), Thunk(lambda: g * ans / y)" in new
    assert "vjps_from_rrule" not in new
    assert "Space" not in new


def test_the_cotangent_first_in_autograds_name() -> None:
    """It looks like autograd, and is not; a module that nobody names is nothing."""
    outcome = outcome_of(FOREIGN.replace("mine.core", "autograd.extend"), DROP)
    assert isinstance(outcome, FileUnchanged)
    assert [left.target for left in outcome.left] == ["cube", "times"]
    assert "looks like autograd, and is not" in outcome.left[0].reason
    outcome = outcome_of(FOREIGN, DROP)
    assert isinstance(outcome, FileUnchanged)
    assert not outcome.left


@pytest.mark.parametrize(
    "maker",
    [
        "lambda ans, x: make(ans, x)",
        "lambda ans, x: partial(make, ans)",
        "lambda ans, x: lambda g: g * ans",
        "make",
    ],
)
def test_makers_that_give_functions(maker: str) -> None:
    """Whatever they read of their first parameter."""
    text = f"""
from functools import partial
from autograd.extend import defvjp, primitive

def make(out, x):
    def vjp(g):
        return g * out
    return vjp

@primitive
def f(x):
    return x

defvjp(f, {maker})
"""
    outcome = outcome_of(text, DROP)
    assert isinstance(outcome, FileConverted)
    assert not outcome.left


@pytest.mark.parametrize(
    ("signature", "register"),
    [
        ("g, ans, vs, gvs, x", "f.defvjp(back)"),
        ("ans, x", "f.defgrad(back)"),
        ("ans, x", "defvjp(f, back)"),
        ("k, ans, x", "defvjp(f, partial(back, 2))"),
    ],
)
def test_a_maker_whose_name_is_bound_again(signature: str, register: str) -> None:
    """The rule has the one that was registered: by its name the rule would call the last one."""
    given = "2 * g" if signature.startswith("g") else "lambda g: 2 * g"
    text = f"""
from functools import partial
from autograd.extend import defvjp

@primitive
def f(x):
    return 2 * x

def back({signature}):
    return {given}

{register}

def back(x):
    return None
"""
    new = rule_in_file(text)
    (made,) = (line for line in new.splitlines() if line.startswith("make_f_0 = "))
    assert made in ("make_f_0 = back", "make_f_0 = partial(back, 2)")
    assert "make_f_0(" in new
    assert " back(" not in new[new.index("@rrule.register") : new.index("def back(x)")]


def rule_in_file(text: str) -> str:
    return converted(HEAD + text, DROP)


def test_a_maker_that_is_made_between_two_registrations() -> None:
    text = """
@primitive
def f(x, y):
    return x * y

f.defgrad(lambda ans, x, y: lambda g: g * y)
other = make_maker()
f.defgrad(other.of_y, argnum=1)
"""
    outcome = outcome_of(HEAD + text, DROP)
    assert isinstance(outcome, FileUnchanged)
    assert "made after its first registration" in outcome.left[0].reason
