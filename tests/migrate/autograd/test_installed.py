"""What the installed numpy and scipy say of their functions: parameters, and complex values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from migrate.dialects.autograd.installed import default_text, parameters, refuses_complex


def shown(dotted: str) -> str:
    found = parameters(dotted)
    assert found is not None
    return ", ".join(p.name + (f"={default_text(p)}" if default_text(p) else "") for p in found)


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("numpy.cosh", "x"),
        ("numpy.hypot", "x1, x2"),
        ("numpy.trace", "a, offset=0, axis1=0, axis2=1, dtype=None, out=None"),
        ("autograd.numpy.diag", "v, k=0"),
        ("numpy.linalg.det", "a"),
        ("scipy.stats.expon.logcdf", "x, loc=0, scale=1"),
        ("scipy.stats.beta.pdf", "x, a, b, loc=0, scale=1"),
        ("autograd.scipy.stats.binom.pmf", "k, n, p, loc=0"),  # discrete: no scale
        ("scipy.stats.multivariate_normal.logpdf", "x, mean=None, cov=1, allow_singular=False"),
        ("scipy.special.jv", "x1, x2"),
    ],
)
def test_parameters(dotted: str, expected: str) -> None:
    assert shown(dotted) == expected


@pytest.mark.parametrize(
    "dotted",
    [
        "numpy.no_such_function",
        "no_such_package.f",
        "os.path.join",  # only numpy and its kin are loaded
        "numpy",
        "numpy.pi",
        "autograd.numpy.concatenate",  # of autograd's own, with other parameters
        "autograd.scipy.signal.convolve",
    ],
)
def test_what_is_not_known(dotted: str) -> None:
    assert parameters(dotted) is None
    assert not refuses_complex(dotted)


def test_a_default_that_is_no_literal() -> None:
    """numpy's `<no value>` cannot be written into a rule."""
    found = {p.name: default_text(p) for p in parameters("numpy.sum") or ()}
    assert found["a"] == ""
    assert found["axis"] == "None"
    assert found["keepdims"] is None


@pytest.mark.parametrize(
    ("dotted", "refuses"),
    [
        ("numpy.arctan2", True),  # has a loop for objects, and none for complex numbers
        ("numpy.floor", True),
        ("numpy.exp", False),
        ("numpy.sum", False),  # no ufunc: unknown, so it may
        ("scipy.special.gammaln", True),
        ("scipy.special.gamma", False),
        ("scipy.stats.norm.cdf", True),
        ("scipy.stats.multivariate_normal.pdf", True),
        ("math.fsum", True),
    ],
)
def test_complex_values(dotted: str, refuses: bool) -> None:
    assert refuses_complex(dotted) is refuses


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, migrate.dialects.autograd.installed as m; assert 'numpy' not in sys.modules;"
        "m.parameters('json.dumps'); assert 'numpy' not in sys.modules;"
        "m.parameters('numpy.sin'); assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
