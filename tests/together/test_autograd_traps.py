"""Where a rule of autograd's is easily made into another one: what must not happen, by running."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import scipy.stats

from migrate.convert import convert_source
from migrate.model import FileConverted
from migrate.options import Options
from rules_runtime import gradient, rrule
from tests.together.test_autograd_pairs import converted, run

pytest.importorskip("autograd")

X = np.linspace(0.3, 0.9, 3)


def new(name: str, mode: str = "drop") -> Any:
    return run(converted(name, mode).after.decode(), "new")


def text_of(source: str, mode: str = "drop") -> str:
    outcome = convert_source(
        source.encode(), "x.py", Options(dialects=("autograd",), autograd=mode)
    )
    assert isinstance(outcome, FileConverted), outcome
    assert outcome.left == ()
    return outcome.after.decode()


def test_what_primitive_wraps_has_no_rule_by_it() -> None:
    wrapped = (np.tan, scipy.stats.norm.sf, scipy.stats.expon.sf)
    before = [rrule.rules_for(f) for f in wrapped]
    made = new("targets")
    assert [rrule.rules_for(f) for f in wrapped] == before
    assert gradient(np.tan, 0.4)[0] == pytest.approx(1 + np.tan(0.4) ** 2)
    assert gradient(lambda x: made.fsum(x * x), X)[0] == pytest.approx(2 * X)


def test_a_projection_keeps_no_array() -> None:
    made = new("broadcasting")
    x = np.ones(1000)
    seen = weakref.ref(x)
    _, back = rrule(made.damped, 2.0, 3.0, x)
    del x
    gc.collect()
    assert seen() is None
    assert len(back(np.ones(1000))) == 4


def test_a_maker_that_raises_leaves_the_others_alone() -> None:
    made = new("called")
    t = np.full(3, 0.3)
    (da,) = gradient(lambda a: np.sum(made.mix(a, X, t)), X)
    assert da == pytest.approx(1 - t)
    with pytest.raises(NotImplementedError, match="one t for all"):
        gradient(lambda t: np.sum(made.mix(X, X, t)), t)


def test_factories_run_once_as_they_did() -> None:
    made = new("called")
    assert made.MADE == [0, 1]
    gradient(lambda a: np.sum(made.ratio(a, X)), X)
    assert made.MADE == [0, 1]


def test_state_is_that_of_the_call() -> None:
    """The second solve is done before the pullback of the first one runs."""
    made = new("state")
    a, b = np.eye(3) * 3 + np.outer(X, X), np.eye(3) * 2 + np.outer(X, X)
    (dx,) = gradient(lambda x: np.sum(made.solve(b, made.solve(a, x))), X)
    assert dx == pytest.approx(np.linalg.solve(a.T, np.linalg.solve(b.T, np.ones(3))))


def test_rules_of_a_loop_are_of_their_own_functions() -> None:
    made = new("targets")
    assert [rrule(f, 0.5)[0] for f in (made.zeroth, made.oneth)] == pytest.approx(
        [made.zeroth(0.5), made.oneth(0.5)]
    )


def test_methods() -> None:
    made = new("targets")
    assert gradient(made.kernel, 0.5)[0] == pytest.approx(-0.5 * made.kernel(0.5))


def test_arguments_by_keyword_are_differentiated_in_the_body() -> None:
    made = new("parameters")
    assert gradient(lambda b: np.sum(made.stretch(X, by=b)), 1.5)[0] == pytest.approx(np.sum(X))


HEAD = "import autograd.numpy as np\nfrom autograd.extend import defvjp, primitive\n"


def test_a_maker_of_two_functions_stays() -> None:
    text = text_of(
        f"{HEAD}@primitive\ndef up(x):\n    return x + 1.0\n@primitive\ndef down(x):\n    return x - 1.0\n"
        "def same(ans, x):\n    n = np.size(x)\n    return lambda g: g * n\n"
        "defvjp(up, same)\ndefvjp(down, same)\n"
    )
    made = run(text, "made")
    assert "def same(ans, x):" in text
    assert gradient(lambda x: np.sum(made.up(x) + made.down(x)), X)[0] == pytest.approx(
        6 * np.ones(3)
    )


def test_a_maker_that_other_code_reads_stays() -> None:
    text = text_of(
        f"{HEAD}__all__ = ['same']\n@primitive\ndef up(x):\n    return x + 1.0\n"
        "def same(ans, x):\n    return lambda g: g\ndefvjp(up, same)\n"
    )
    assert "def same(ans, x):" in text


def test_primitives_whose_rules_are_elsewhere_stay() -> None:
    text = text_of(
        f"{HEAD}@primitive\ndef f(x):\n    return x\n@primitive\ndef g(x):\n    return x\n"
        "defvjp(f, lambda ans, x: lambda d: d)\n"
    )
    assert "from autograd.extend import primitive\n" in text
    assert "@primitive\ndef g(x):" in text
    assert "@primitive\ndef f(x):" not in text


@pytest.mark.parametrize("used", ["np.make_diagonal(x)", "np.metadata(x)", "np._astype(x, float)"])
def test_what_numpy_has_not_is_autograds(used: str) -> None:
    text = text_of(
        f"{HEAD}def other(x):\n    return {used}\n@primitive\ndef f(x):\n    return x\n"
        "defvjp(f, lambda ans, x: lambda d: d)\n"
    )
    assert "import autograd.numpy as np\n" in text


def test_functions_of_autograds_numpy_are_numpys_where_it_goes() -> None:
    text = text_of(
        f"{HEAD.replace(', primitive', '')}defvjp(np.unwrap, lambda ans, x: lambda g: g)\n"
    )
    assert "import numpy as np\n" in text
    assert "@rrule.register(np.unwrap)\n" in text


def test_parameters_are_rebound_after_the_call() -> None:
    made = new("in_place")
    y, back = rrule(made.turn, np.ones((1, 2, 3)), axes=(1, 2, 0))
    assert y.shape == (2, 3, 1)
    assert back(np.ones((2, 3, 1)))[1].shape == (1, 2, 3)


def test_parts_that_nobody_used_are_zeros_in_the_text() -> None:
    made = new("containers")
    r = np.hypot(X, X[::-1])
    (dx,) = gradient(lambda x: np.sum(made.polar(x, X[::-1])[0]), X)
    assert dx == pytest.approx(X / r)
    (dx,) = gradient(lambda x: made.sum_and_product(x)[1], X)
    assert dx == pytest.approx(np.prod(X) / X)


@pytest.mark.parametrize("later", ["{}", "del maker", "maker = None"])
@pytest.mark.parametrize("made", ["maker", "partial(maker, 0)"])
@pytest.mark.parametrize("mode", ["keep", "drop"])
def test_a_maker_whose_name_means_something_else_later(later: str, made: str, mode: str) -> None:
    """Many files write `def maker` for one function after the other."""
    parameters = "ans, x, y" if made == "maker" else "k, ans, x, y"
    block = (
        "@primitive\ndef {0}(x, y):\n    return {1} * x * y\n"
        f"def maker({parameters}):\n    return lambda g: {{1}} * g * y\n"
        f"defvjp({{0}}, {made}, lambda ans, x, y: lambda g: {{1}} * g * x)\n"
    )
    source = (
        "from functools import partial\nfrom autograd.extend import defvjp, primitive\n"
        + block.format("f", 2.0)
        + (block.format("h", 99.0) if later == "{}" else f"{later}\n")
    )
    f = run(text_of(source, mode), "made").f
    assert rrule(f, X, 3.0)[1](1.0)[1]() == pytest.approx(6.0)


def test_both_go_on() -> None:
    """A converted rule serves both, and what is dropped from the text is dropped for autograd."""
    import autograd
    import autograd.numpy as anp

    made = new("inlined", "keep")
    by_tape = gradient(lambda x: np.sum(made.swish(x) * x), X)[0]
    by_autograd = autograd.grad(lambda x: anp.sum(made.swish(x) * x))(X)
    assert by_tape == pytest.approx(by_autograd)


def test_line_ends_and_indentation_stay() -> None:
    source = (
        "from autograd.extend import defvjp, primitive\nif True:\n\t@primitive\n\tdef f(x):\n"
        "\t\treturn x\n\n\tdefvjp(f, lambda ans, x: lambda g: g,  # one\n\t)\n"
    ).replace("\n", "\r\n")
    text = text_of(source)
    assert "\n" not in text.replace("\r\n", "")
    assert "g  # one" in text or "# one" in text
    assert run(text, "made").f(2.0) == 2.0
