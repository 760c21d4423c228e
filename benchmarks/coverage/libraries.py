"""Arguments for the rules of libraries on top of autograd, and the modules that hold them.

Only modules that can be imported with numpy, scipy and autograd alone are run; the others are
converted, no more. The keys are full names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.coverage import recipes as r
from benchmarks.coverage.recipes import Call, call, exact

MODULES = {
    "autograd-gamma": ("autograd_gamma",),
    "ceviche": ("ceviche.primitives",),
    "ceviche-challenges": ("ceviche_challenges.primitives",),
    "grcwa": ("grcwa.primitives",),
    "legume-gme": ("legume.primitives",),
    "lifelines": ("lifelines.utils.safe_exp",),
    "momi": ("momi.util",),
    "paragami": ("paragami.autograd_supplement_lib", "paragami.psdmatrix_patterns"),
    "surpyval": (
        "surpyval.utils.normal",
        "surpyval.utils.autograd_gamma_compat",
        "surpyval.univariate.parametric.distributions.gamma",
        "surpyval.recurrent.parametric.cox_lewis",
        "surpyval.recurrent.renewal.ari",
        "surpyval.recurrent.renewal.ara",
    ),
    "tidy3d": ("tidy3d.components.autograd.functions",),
    "tofea": ("tofea.primitives",),
}

# Whose rules are not the derivative of what they are rules for, on purpose or by approximation.
DELIBERATE = {
    "autograd_gamma.gammainc",
    "legume.primitives.sqrt_ag",
    "lifelines.utils.safe_exp.safe_exp",
    "momi.util.make_constant",
    "tidy3d.components.autograd.functions._straight_through_clip",
    "legume.primitives.eigh_ag",
    "legume.primitives.eig_ag",
    "legume.primitives.eigsh_ag",
    "grcwa.primitives.eig",
    "paragami.autograd_supplement_lib.grouped_sum",
}


class Solver:
    """What `tofea.primitives.solve_coo` is given."""

    def __deepcopy__(self, memo: Any) -> Solver:
        return self  # what it has factored is asked for later

    def clear(self) -> None:
        self.matrix: Any = None

    def factor(self, matrix: Any) -> None:
        self.matrix = matrix.toarray()

    def solve(self, rhs: Any, transpose: bool = False) -> Any:
        return np.linalg.solve(self.matrix.T if transpose else self.matrix, rhs)


def squared(p: Any) -> Any:
    import autograd.numpy as anp

    return anp.sum(p**2)


def summed(p: Any) -> Any:
    import autograd.numpy as anp

    return anp.sum(anp.sin(p))


def root_of(x: Any, a: Any, b: Any, c: Any) -> Any:
    return x**3 + a * x - b - 0.0 * c


def recipes() -> dict[str, list[Call]]:
    """Every key with its calls. The same numbers each time."""
    r.random = np.random.default_rng(12)
    real, signed = r.real, r.signed
    table: dict[str, list[Call]] = {}
    for name in "gammainc gammaincc gammaincinv gammainccinv gammaincln gammainccln".split():
        table[f"autograd_gamma.{name}"] = [
            exact(1 + real(3), real(3)),
            exact(1.5, real(3)),
            exact(1.5, real()),
            exact(1 + real(3, 1), real(2)),
        ]
    for name in "betainc betaincinv betaincln".split():
        table[f"autograd_gamma.{name}"] = [
            exact(1 + real(3), 1 + real(3), real(3)),
            exact(1.5, 2.0, real(3)),
            exact(1.5, 2.0, real()),
        ]
    indices = np.array([[0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0]])
    entries = 2 + real(6)
    for name in ("sp_mult", "sp_solve"):
        table[f"ceviche.primitives.{name}"] = [call(entries, indices, signed(3))]
    table["ceviche.primitives.spsp_mult"] = [call(entries, indices, 1 + real(6), indices[::-1], 3)]
    table["ceviche_challenges.primitives.insert_design_variable"] = [
        exact(signed(2, 2), signed(5, 6), (1, 2, 3, 4))
    ]
    square = r.regular(3, 3)
    table["grcwa.primitives.inv"] = [call(square), call(r.regular(2, 3, 3))]
    table["grcwa.primitives.eig"] = [exact(r.positive(3)), exact(square + 1j * signed(3, 3))]
    at = "legume.primitives."
    table[at + "extend_ag"] = [exact(signed(3), np.array([0, 2, 3]), (5,))]
    table[at + "sqrt_ag"] = [call(real(3)), call(real())]
    table[at + "toeplitz_block_ag"] = [exact(2, signed(4) + 0j, signed(4) + 0j)]
    table[at + "eigh_ag"] = [exact(r.positive(3)), exact(r.hermitian(3))]
    table[at + "eig_ag"] = [exact(r.positive(3)), exact(square + 1j * signed(3, 3))]
    table[at + "eigsh_ag"] = [exact(r.positive(5), k=2), exact(r.hermitian(5), k=2)]
    table[at + "inv_ag"] = [call(square)]
    table[at + "interp_ag"] = [
        exact(np.array([0.3, 1.2, 1.9]), np.array([0.0, 1.0, 2.0]), signed(3)),
    ]
    table[at + "fsolve_ag"] = [exact(root_of, 0.0, 2.0, 1.0, real(), real())]
    table[at + "fmap"] = [exact([squared, summed], signed(3))]
    table[at + "spdot_ag"] = [exact(scipy.sparse.csr_matrix(square), signed(3))]
    table["lifelines.utils.safe_exp.safe_exp"] = [call(signed(3)), call(np.array([1.0, 1000.0]))]
    table["momi.util.set0"] = [exact(signed(4), np.array([True, False, False, True]))]
    table["momi.util.make_constant"] = [call(signed(3))]
    at = "paragami.autograd_supplement_lib."
    groups = np.array([0, 1, 0, 2])
    table[at + "grouped_sum"] = [
        exact(signed(4), groups),
        exact(signed(4, 2), groups, 4),
        exact(signed(4), groups, num_groups=3),
    ]
    table[at + "replace"] = [exact(signed(2), signed(5), np.array([0, 3]))]
    table["paragami.psdmatrix_patterns._unvectorize_ld_matrix"] = [exact(signed(6))]
    for name in "ndtr log_ndtr _ratio _gap _gap_slope".split():
        table[f"surpyval.utils.normal.{name}"] = [
            exact(signed(4)),
            exact(signed()),
            exact(np.array([-40.0, 0.0, 3.0])),
        ]
    at = "surpyval.utils.autograd_gamma_compat."
    for (
        name
    ) in "gammainc gammaincln gammainccln _gammainc_da _gammaincln_da _gammainccln_da".split():
        table[at + name] = [
            exact(1 + real(3), real(3)),
            exact(1.5, real(3)),
            exact(1.5, real()),
            exact(1 + real(3, 1), real(2)),
        ]
    for (
        name
    ) in "betainc betaincln betainccln _betainc_da _betainc_db _betaincln_da _betaincln_db".split():
        table[at + name] = [
            exact(1 + real(3), 1 + real(3), real(3)),
            exact(1.5, 2.0, real(3)),
            exact(1.5, 2.0, real()),
        ]
    at = "surpyval.univariate.parametric.distributions.gamma."
    for name in "_hazard_over_rate _hazard_over_rate_da _hazard_over_rate_dy".split():
        table[at + name] = [
            exact(1 + real(3), 4 + real(3)),
            exact(1.5, 3.0),
            exact(1.5, 3 + real(2)),
        ]
    table["surpyval.recurrent.parametric.cox_lewis._expm1_over"] = [
        exact(real(), real(3)),
        exact(real(3), real(3)),
        exact(0.0, real(2)),
    ]
    at = "tidy3d.components.autograd.functions."
    place = (np.array([0, 2]), np.array([1, 1]))
    table[at + "_add_at"] = [
        call(signed(3, 4), place, signed(2)),
        exact(signed(5), (np.array([1, 3]),), 1.0),
    ]
    table[at + "_straight_through_clip"] = [
        exact(signed(5), -0.5, 0.5),
        exact(np.array([-1.0, 0.5, 0.7]), -1.0, 0.5),
    ]
    table["tofea.primitives.solve_coo"] = [exact(entries, tuple(indices), signed(3), Solver())]
    return table
