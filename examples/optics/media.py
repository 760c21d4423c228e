"""Glasses: callables that take a wavelength and give the refractive index there."""

from dataclasses import dataclass

import numpy as np
from zygote_rules import _pullback, accum, adjoint, nograd

LINES = {"F": 0.4861327, "d": 0.5875618, "C": 0.6562725}


@dataclass
class Cauchy:
    """n = a + b / w²"""

    a: float
    b: float
    name: str = ""

    def __call__(self, wavelength):
        return self.a + self.b / wavelength**2

    @adjoint
    def __call__(self, wavelength):
        w2 = wavelength**2

        def index_pullback(dn):
            # the rule of an instance call: the glass itself comes first
            return {"a": dn, "b": dn / w2, "name": None}, -2 * dn * self.b / (w2 * wavelength)

        return self.a + self.b / w2, index_pullback


class Sellmeier:
    """n² = 1 + Σ B w² / (w² - C)"""

    def __init__(self, strengths, resonances):
        self.strengths = strengths
        self.resonances = resonances

    def __call__(self, wavelength):
        w2 = wavelength**2
        return np.sqrt(1 + np.sum(self.strengths * w2 / (w2 - self.resonances)))


@adjoint(Sellmeier.__call__)
def sellmeier_index(glass, wavelength):
    w2 = wavelength**2
    gap = w2 - glass.resonances
    n = np.sqrt(1 + np.sum(glass.strengths * w2 / gap))

    def sellmeier_pullback(dn):
        d = dn / (2 * n)
        dglass = {
            "strengths": d * w2 / gap,
            "resonances": d * glass.strengths * w2 / gap**2,
        }
        dw2 = -d * np.sum(glass.strengths * glass.resonances / gap**2)
        return dglass, 2 * wavelength * dw2

    return n, sellmeier_pullback


def abbe_number(medium):
    """How little the index depends on the wavelength; above 50 or so, a crown glass."""
    n_F, n_d, n_C = (medium(LINES[k]) for k in "FdC")
    return (n_d - 1) / (n_F - n_C)


@adjoint
def abbe_number(medium, *, __context__=None):
    n_F, back_F = _pullback(__context__, medium, LINES["F"])
    n_d, back_d = _pullback(__context__, medium, LINES["d"])
    n_C, back_C = _pullback(__context__, medium, LINES["C"])
    spread = n_F - n_C

    def abbe_pullback(dv):
        slope = -dv * (n_d - 1) / spread**2
        dmedium_F, _ = back_F(slope)
        dmedium_d, _ = back_d(dv / spread)
        dmedium_C, _ = back_C(-slope)
        return (accum(dmedium_F, dmedium_d, dmedium_C),)

    return (n_d - 1) / spread, abbe_pullback


CATALOGUE = {
    "N-BK7": ([1.03961212, 0.231792344, 1.01046945], [0.00600069867, 0.0200179144, 103.560653]),
    "N-SF11": ([1.73759695, 0.313747346, 1.89878101], [0.013188707, 0.0623068142, 155.23629]),
}


def glass(name):
    """A glass of the catalogue."""
    strengths, resonances = CATALOGUE[name]
    return Sellmeier(np.array(strengths), np.array(resonances))


@nograd
def line(name):
    """The wavelength of a Fraunhofer line."""
    return LINES[name]


nograd(glass)
