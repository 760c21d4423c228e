"""The byte test: no file with something to convert gets past it, and few others get through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from migrate.dialects import signs
from migrate.scan import may_hold_rules


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"import numpy as np\nnp.conj(x).T\n", id="neither word"),
        pytest.param(b"def adjoint(m): return m.conj().T\n", id="adjoint defined"),
        pytest.param(b"# the adjoint of a matrix\nx.adjoint()\n", id="adjoint called"),
        pytest.param(b"import zygote\n", id="module alone"),
    ],
)
def test_nothing_to_do(text: bytes) -> None:
    assert not may_hold_rules(text, signs((), ()))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"from zygote_rules import adjoint\n", id="from"),
        pytest.param(b"import zygote_rules as zr\n@zr.adjoint\n", id="import as"),
        pytest.param(b"from zygote import *\n@adjoint\n", id="star"),
        pytest.param(b"from zygote import nograd\nnograd(f)\n", id="nograd"),
        pytest.param(b"from zygote_rules import dropgrad\n", id="dropgrad"),
        pytest.param(b"from zygote_rules import ignore\n", id="ignore"),
        pytest.param(b"from zygote_rules import accum\n", id="accum"),
        pytest.param(b"from zygote_rules import hook\n", id="hook"),
        pytest.param(b"from zygote_rules import literal_getfield\n", id="literal_getfield"),
        pytest.param(b"from rules_runtime.legacy import adjoint\n", id="the shim"),
        pytest.param(
            b"from rules_runtime import legacy\n@legacy.adjoint\n", id="the shim as a module"
        ),
        pytest.param(b"from .compat import adjoint\n", id="handed on by a sibling"),
        pytest.param(
            b"from .compat import (\n    x,\n    adjoint as adj,\n)\n",
            id="handed on, over several lines",
        ),
        pytest.param(b"\xef\xbb\xbffrom zygote_rules import adjoint\r\n", id="byte-order mark"),
    ],
)
def test_something_to_do(text: bytes) -> None:
    assert may_hold_rules(text, signs((), ()))


def test_configured_modules() -> None:
    text = b"from ..compat import vjp\nvjp.adjoint"
    assert not may_hold_rules(text, signs((), ()))
    assert may_hold_rules(text, signs((), ("my.pkg.compat",)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"import numpy\n", id="no word of it"),
        pytest.param(b"# zygote_rules has an adjoint\nimport numpy\n", id="words alone"),
    ],
)
def test_a_file_without_candidates_loads_neither_libcst_nor_rich(text: bytes) -> None:
    assert may_hold_rules(text, signs((), ())) == (b"adjoint" in text)
    code = (
        "import sys\n"
        "from migrate.convert import convert_source\n"
        "from migrate.model import Options\n"
        f"convert_source({text!r}, 'x.py', Options())\n"
        "heavy = {'libcst', 'rich', 'click', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
