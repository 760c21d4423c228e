"""Writes docs/numpy-coverage.md: which of numpy's public functions have a rule.

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

# What the reverse mode does itself, when a traced value meets it.
TRACED_ITSELF = frozenset(
    "array asanyarray asarray astype copyto fill_diagonal full place put put_along_axis putmask".split()
)

# Results that do not depend continuously on any argument: made of shapes, whole numbers, names, types, files.
WITHOUT_NUMBERS = frozenset(
    """
    arange bartlett base_repr binary_repr blackman broadcast_shapes busday_count busday_offset datetime_as_string
    datetime_data diag_indices empty eye format_float_positional format_float_scientific from_dlpack frombuffer
    fromfile fromregex fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall hamming
    hanning identity indices info is_busday isdtype isfortran isscalar issubdtype iterable load loadtxt
    mask_indices mintypecode nested_iters ones printoptions promote_types save savetxt savez savez_compressed
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


def page() -> str:
    """The whole page as text."""
    import rules_runtime.rules  # noqa: F401  (declares the rules)

    version = ".".join(np.__version__.split(".")[:2])
    lines = [
        "# Which functions of numpy have a rule",
        "",
        "Made by `python -m tools.numpy_coverage`; not written by hand.",
        f"The names are those of numpy {version}.",
        "",
        "* **rule**: has a derivative;",
        "* **traced**: no rule is needed, the reverse mode sees what goes through it;",
        "* **non-differentiable**: nothing flows back, or there are no numbers to differentiate by;",
        "* **none**: an error that names the function, where it meets a traced value.",
        "",
        "`numpy.random` is non-differentiable. Updates in place (`x[i] = v`, `x += y`, `np.add.at`) are traced;",
        "methods of arrays have the rules of the functions of their name. `np.vectorize` objects, `functools.reduce` and",
        "methods of ufuncs (`outer`, `accumulate`, `reduce`, `reduceat`) have rules too.",
        "",
    ]
    for space_name, space in SPACES.items():
        table = [(name, status(name, function)) for name, function in functions(space)]
        lines += [f"## {space_name}", "", _counts(table), "", "| function | |", "|---|---|"]
        lines += [f"| `{name}` | {found} |" for name, found in table]
        lines.append("")
    return "\n".join(lines)


def _counts(table: list[tuple[str, str]]) -> str:
    counted = {
        kind: sum(found == kind for _, found in table) for kind in (RULE, TRACED, CONSTANT, NONE)
    }
    return ", ".join(f"{kind} {number}" for kind, number in counted.items() if number) + "."


def is_for_this_numpy() -> bool:
    """Whether the page was made with the minor version of numpy that is installed."""
    version = ".".join(np.__version__.split(".")[:2])
    return PAGE.exists() and f"those of numpy {version}." in PAGE.read_text(encoding="utf-8")


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
