"""What becomes of a rule does not depend on whether its neighbours are converted yet:
a second run decides as the first did."""

from __future__ import annotations

from migrate.convert import convert_source
from migrate.model import FileConverted, FileUnchanged, Options
from tests.support.converting import text_of

SHARED_HELPER = """
    from zygote_rules import adjoint

    def _elementwise(f, df, x):
        return f(x), lambda d: (d * df(x),)

    def cube(x): return x ** 3
    def quart(x): return x ** 4
    def twice(x): return 2 * x

    @adjoint
    def cube(x): return _elementwise(lambda t: t ** 3, lambda t: 3 * t * t, x)

    @adjoint
    def quart(x):
        y, back = _elementwise(lambda t: t ** 4, lambda t: 4 * t ** 3, x)

        def no_fun_back(d):
            return (None,) + back(d)

        return y, no_fun_back

    @adjoint
    def twice(x): return twice(x), lambda d: (2 * d,)
"""
SHARED_NAME = """
    from zygote_rules import adjoint

    def f(x): return x
    def g(x): return x
    def h(x): return x

    @adjoint(f)
    def _(x):
        y = f(x)

    @adjoint(g)
    def _(x):
        return g(x), lambda d: (d,)

    @adjoint
    def _(x):
        return _(x), lambda d: (d,)

    @adjoint
    def h(x):
        return h(x), lambda d: (d,)
"""
GETTER_TWICE = """
    from zygote_rules import Val, adjoint, literal_getproperty

    @adjoint(literal_getproperty)
    def literal_getproperty(p: Polar, name):
        if name == Val("x"):
            return p.r, lambda d: ({"r": d}, None)
        return getattr(p, name.value), lambda d: ({name.value: d}, None)

    @adjoint(literal_getproperty)
    def _(z: Complexish, name: Val):
        return getattr(z, name.value), lambda d: ({name.value: d}, None)

    @adjoint
    def diag(x):
        return diag(x), lambda d: (d,)
"""


def outcome(source: str) -> FileConverted:
    first = convert_source(text_of(source).encode(), "x.py", Options())
    assert isinstance(first, FileConverted), first
    again = convert_source(first.after, "x.py", Options())
    assert isinstance(again, FileUnchanged)
    assert [(r.name, r.code) for r in again.left] == [(r.name, r.code) for r in first.left]
    return first


def test_a_visible_error_beats_a_helper_that_is_shared_with_a_bridged_rule() -> None:
    found = outcome(SHARED_HELPER)
    assert [(r.name, r.code) for r in found.left] == [("quart", "RM203")]
    assert [r.name for r in found.converted] == ["cube", "twice"]


def test_a_visible_error_beats_a_name_that_other_code_reads() -> None:
    found = outcome(SHARED_NAME)
    assert [(r.name, r.line, r.code) for r in found.left] == [("_", 7, "RM202")]
    assert "@rrule.register(h)\ndef rrule_h(_, x):" in found.after.decode()


def test_a_rule_that_a_bare_rule_is_for_stays_callable_as_it_was() -> None:
    text = outcome(SHARED_NAME).after.decode()
    assert (
        "def _(x):\n    return g(x), lambda d: (d,)\nrrule.register(g)(from_legacy_rule(_))" in text
    )


def test_a_getter_whose_name_a_rule_takes() -> None:
    found = outcome(GETTER_TWICE)
    assert [(r.name, r.code) for r in found.left] == [
        ("literal_getproperty", "RM206"),
        ("_", "RM206"),
    ]
    assert [r.name for r in found.converted] == ["diag"]


def test_a_getter_rule_with_the_name_of_its_target_alone_is_converted() -> None:
    head, _, rest = GETTER_TWICE.partition("    @adjoint(literal_getproperty)\n    def _")
    found = outcome(head + rest[rest.index("    @adjoint") :])
    assert not found.left
    assert "@rrule.register(getattr)\ndef literal_getproperty(_, p: Polar, name: str):" in (
        found.after.decode()
    )


def test_a_bare_getter_rule_under_a_star_import() -> None:
    source = GETTER_TWICE.replace("import Val, adjoint, literal_getproperty", "import *").replace(
        "adjoint(literal_getproperty)", "adjoint"
    )
    found = outcome(source.replace("def _(z", "def literal_getproperty(z"))
    text = found.after.decode()
    assert not found.left
    assert text.count("@rrule.register(getattr)\n") == 2
    assert 'if name == "x":' in text
    assert "zygote" not in text


PRIMAL_OF_A_RULE = """
    from zygote_rules import accum, adjoint, hook, pullback

    def total(p): return p.a * p.b
    def only_a(d): return {"a": d["a"], "b": None}

    def g(p): return p.a * p.b

    @adjoint
    def g(p: P):
        return pullback(lambda q: total(hook(only_a, q)), p)

    def free(p):
        return accum(total(hook(lambda d: d, p)), 0.0)

    def use_free(p): return free(p)

    @adjoint
    def use_free(p: P):
        return pullback(free, p)
"""


def test_a_function_that_a_rule_only_hands_to_the_ad_is_converted_as_other_code_is() -> None:
    text = outcome(PRIMAL_OF_A_RULE).after.decode()
    assert "return add(total(_hook(lambda d: d, p)), 0.0)" in text


DECORATED_BY_A_RULE = """
    from zygote_rules import adjoint

    def d4(x): return x
    def d5(x): return 2 * x

    def strict(rule):
        return lambda x: rule(abs(x))

    @adjoint(d4)
    def kept(rule):
        return rule

    @kept
    @adjoint(d5)
    @strict
    def five(x):
        return 2 * x, lambda d: (2 * d,)
"""


def test_a_decorator_that_is_a_rule_itself() -> None:
    found = outcome(DECORATED_BY_A_RULE)
    assert not found.left
    assert "rrule.register(d5)(from_legacy_rule(five))" in found.after.decode()


def test_of_several_functions_with_the_name_of_a_bridged_rule_none_is_changed() -> None:
    found = outcome("""
        from zygote_rules import accum, adjoint

        def mean(x): return x
        def keep(f): return lambda *a: f(*a)

        def weighted(x):
            return 2 * x

        @adjoint(mean)
        @keep
        def weighted(x):
            return x, lambda d: (accum(d, d),)
    """)
    assert "accum(d, d)" in found.after.decode()
