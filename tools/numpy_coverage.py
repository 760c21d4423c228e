"""Writes docs/numpy-coverage.md: which of numpy's public functions have a rule,
and which of scipy's.

python -m tools.numpy_coverage            write the page
python -m tools.numpy_coverage --check    exit 1 where the page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).resolve().parent.parent / "docs" / "numpy-coverage.md"
SPACES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "numpy.emath": np.emath}

RULE, TRACED, CONSTANT, NONE = "rule", "traced", "non-differentiable", "none"

# Where scipy has functions with rules; the page lists those alone.
SCIPY = ("fft", "integrate", "linalg", "optimize", "signal", "special", "stats")
METHODS = "logpdf pdf logcdf cdf logsf sf ppf isf logpmf pmf".split()  # of distributions

# What the reverse mode does itself, when a traced value meets it.
TRACED_ITSELF = frozenset(
    """
    array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray astype copyto fill_diagonal fromfunction fromiter
    frompyfunc full place put put_along_axis putmask require
    """.split()
)

# Results that do not depend continuously on any argument:
# made of shapes, whole numbers, names, types, files.
WITHOUT_NUMBERS = frozenset(
    """
    arange bartlett base_repr binary_repr blackman broadcast_shapes busday_count busday_offset datetime_as_string
    datetime_data diag_indices empty eye format_float_positional format_float_scientific from_dlpack frombuffer
    fromfile fromregex fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall hamming
    hanning identity indices info is_busday isdtype isfortran isscalar issubdtype iterable load loadtxt
    mask_indices mintypecode nested_iters ones printoptions promote_types
    set_printoptions setbufsize seterr seterrcall show_config show_runtime test tri tril_indices triu_indices
    typename zeros
    """.split()
)


def functions(space: Any) -> Iterator[tuple[str, Any]]:
    """The public functions of a namespace, sorted by name; no classes, no modules."""
    for name in sorted(dir(space), key=str.lower):
        function = getattr(space, name, None)
        if not name.startswith("_") and callable(function) and not isinstance(function, type):
            yield name, function


def status(name: str, function: Any) -> str:
    """Whether a function has a rule, is declared non-differentiable, or neither."""
    from rules_runtime.forms import FORMS
    from rules_runtime.registry import rrule

    form = FORMS.get(function)
    if form is not None:
        return CONSTANT if form.constant else RULE
    if rrule.rules_for(function):
        return RULE
    if name in TRACED_ITSELF:
        return TRACED
    return CONSTANT if name in WITHOUT_NUMBERS else NONE


def scipy_functions(area: str) -> Iterator[tuple[str, str, Any]]:
    """The functions of an area of scipy that have a rule: name, kind, function;
    of distributions the methods."""
    import importlib

    from rules_runtime.registry import rrule
    from rules_runtime.rules import import_waiting_areas
    from rules_runtime.tape import TapeConfig

    space = importlib.import_module(f"scipy.{area}")
    import_waiting_areas()
    for name, function in functions(space):
        if callable(getattr(function, "pdf", None)) or callable(getattr(function, "pmf", None)):
            for method in METHODS:
                bound = getattr(function, method, None)
                if bound is not None and rrule.find(TapeConfig(), bound, (0.5,), {}) is not None:
                    yield f"{name}.{method}", RULE, bound
        elif function is not getattr(np, name, None):
            found = status("", function)
            if found != NONE:
                yield name, found, function


def page() -> str:
    """The whole page as text."""
    import scipy

    import rules_runtime.rules  # noqa: F401  (declares the rules)

    version, scipy_version = _minor(np), _minor(scipy)
    lines = [
        "# Which functions of numpy and scipy have a rule",
        "",
        "Made by `python -m tools.numpy_coverage`; not written by hand.",
        f"The names are those of numpy {version} and scipy {scipy_version}.",
        "",
        "* **rule**: has a derivative;",
        "* **traced**: no rule is needed, the reverse mode sees what goes through it;",
        "* **non-differentiable**: nothing flows back, or there are no numbers to differentiate by;",
        "* **none**: an error that names the function, where it meets a traced value.",
        "",
        "`numpy.random` is non-differentiable. What `zeros`, `ones` and `empty` make in a traced function takes traced values. Updates in place (`x[i] = v`, `x += y`, `np.add.at`) are traced;",
        "methods of arrays have the rules of the functions of their name. `np.vectorize` objects, `functools.reduce` and",
        "methods of ufuncs (`outer`, `accumulate`, `reduce`, `reduceat`) have rules too.",
        "",
    ]
    for space_name, space in SPACES.items():
        table = [(name, status(name, function)) for name, function in functions(space)]
        lines += [f"## {space_name}", "", _counts(table), "", "| function | |", "|---|---|"]
        lines += [f"| `{name}` | {found} |" for name, found in table]
        lines.append("")
    lines += [
        "## scipy",
        "",
        "Of scipy these have a rule. Others that are written in numpy are traced; of all else the error names the function.",
        "Of distributions (frozen ones, too) the methods are listed.",
        "",
    ]
    for area in SCIPY:
        found = [f"`{name}`" for name, kind, _ in scipy_functions(area) if kind == RULE]
        if found:
            lines += [f"### scipy.{area}", "", ", ".join(found) + ".", ""]
    return "\n".join(lines)


def _minor(library: Any) -> str:
    return ".".join(library.__version__.split(".")[:2])


def _counts(table: list[tuple[str, str]]) -> str:
    counted = {
        kind: sum(found == kind for _, found in table) for kind in (RULE, TRACED, CONSTANT, NONE)
    }
    return ", ".join(f"{kind} {number}" for kind, number in counted.items() if number) + "."


def is_for_these_versions() -> bool:
    """Whether the page was made with the minor versions of numpy and scipy that are installed."""
    import scipy

    said = f"those of numpy {_minor(np)} and scipy {_minor(scipy)}."
    return PAGE.exists() and said in PAGE.read_text(encoding="utf-8")


def main(arguments: list[str]) -> int:
    text = page()
    if "--check" in arguments:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE} is out of date: run python -m tools.numpy_coverage", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
