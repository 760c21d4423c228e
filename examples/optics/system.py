"""Surfaces in a row: tracing rays through them, and how good the image is."""

from dataclasses import dataclass

import numpy as np
from zygote_rules import _pullback, accum, adjoint, pullback

from .surfaces import Ray, advance, intersect, is_reflected, normal, refract


@dataclass
class Lens:
    """Two spherical surfaces with a glass of index `n` between them;
    thin where `thickness` is zero."""

    front: float  # curvatures, 1/mm
    back: float
    thickness: float
    n: float
    label: str = ""

    def power(self):
        """One over the focal length: the lensmaker's equation."""
        q = self.n - 1
        return q * (self.front - self.back + q * self.thickness * self.front * self.back / self.n)


@adjoint(Lens.power)
def lens_power(self):
    q = self.n - 1
    bending = self.thickness * self.front * self.back / self.n

    def power_pullback(dy):
        return (
            {
                "front": dy * q * (1 + q * self.thickness * self.back / self.n),
                "back": dy * q * (q * self.thickness * self.front / self.n - 1),
                "thickness": dy * q * q * self.front * self.back / self.n,
                "n": dy * (self.front - self.back + 2 * q * bending - q * q * bending / self.n),
                "label": None,
            },
        )

    return q * (self.front - self.back + q * bending), power_pullback


@dataclass
class Stop:
    """One step on the way of a ray: a surface, and the index of what is behind it."""

    surface: object
    index: float


def fold(f, start, items):
    """`functools.reduce` with the arguments in the order of the story."""
    state = start
    for item in items:
        state = f(state, item)
    return state


@adjoint
def fold(f, start, items, *, __context__=None):
    state, backs = start, []
    for item in items:
        state, back = _pullback(__context__, f, state, item)
        backs.append(back)

    def fold_pullback(dstate):
        df, ditems = None, []
        for back in reversed(backs):
            df_i, dstate, ditem = back(dstate)
            df = accum(df, df_i)
            ditems.append(ditem)
        return df, dstate, ditems[::-1]

    return state, fold_pullback


def map_list(f, xs):
    return [f(x) for x in xs]


@adjoint
def map_list(f, xs):
    # f is taken to be a plain function: only the elements get a gradient
    pairs = [pullback(f, x) for x in xs]

    def map_list_pullback(dys):
        return None, [None if dy is None else back(dy)[0] for (_, back), dy in zip(pairs, dys)]

    return [y for y, _ in pairs], map_list_pullback


def rms(offsets):
    """Root of the mean square."""
    return np.sqrt(np.mean(offsets**2))


@adjoint
def rms(offsets):
    y = np.sqrt(np.mean(offsets**2))

    def rms_pullback(dy):
        if y == 0:
            return None
        return (dy * offsets / (y * offsets.size),)

    return y, rms_pullback


def step(state, stop):
    """Through one surface: `(ray, index before)` becomes `(ray, index behind)`."""
    ray, index = state
    point = advance(ray, intersect(stop.surface, ray))
    across = normal(stop.surface, point)
    ratio = index / stop.index
    if is_reflected(ray.direction, across, ratio):
        raise ValueError(f"total reflection at {stop.surface}")
    return Ray(point, refract(ray.direction, across, ratio)), stop.index


def trace(stops, ray):
    """The ray behind the last surface; it starts in air."""
    ray, _ = fold(step, (ray, 1.0), stops)
    return ray


def spot(stops, heights):
    """The radius of the image of a far point:
    root mean square over rays that enter at these heights."""

    def miss(height):
        start = Ray(np.array([0.0, height, -10.0]), np.array([0.0, 0.0, 1.0]))
        return trace(stops, start).origin[1]

    return rms(np.stack([miss(h) for h in heights]))
