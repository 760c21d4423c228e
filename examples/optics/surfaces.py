"""Rays, the surfaces that they meet, and Snell's law.

A surface is a set of points p with G(p) = 0. Where a ray meets it is found in closed form, how that
place moves with the ray and the surface follows from the implicit function theorem,
which needs only the gradient of G.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import zygote_rules as zr

AXIS = np.array([0.0, 0.0, 1.0])


@dataclass
class Ray:
    """A point, and a direction of length one."""

    origin: np.ndarray
    direction: np.ndarray


class Plane(NamedTuple):
    """G(p) = z - vertex"""

    vertex: float


class Sphere(NamedTuple):
    """G(p) = curvature |p - V|² - 2 (z - vertex), with V the vertex on the axis;
    flat at curvature zero."""

    curvature: float
    vertex: float


@zr.adjoint(Ray)
def _(origin, direction):
    return Ray(origin, direction), lambda d: (d["origin"], d["direction"])


def advance(ray: Ray, t):
    """The point at distance `t`."""
    return ray.origin + t * ray.direction


@zr.adjoint
def advance(ray: Ray, t):
    def advance_pullback(dp):
        return {"origin": dp, "direction": t * dp}, dp @ ray.direction

    return ray.origin + t * ray.direction, advance_pullback


def _distance_to_sphere(surface, ray):
    o = ray.origin - surface.vertex * AXIS
    c = surface.curvature
    b = ray.direction[2] - c * (o @ ray.direction)
    e = c * (o @ o) - 2 * o[2]
    return e / (b + np.sqrt(b * b - c * e * (ray.direction @ ray.direction)))


def intersect(surface, ray: Ray):
    """The distance along the ray to the surface."""
    if isinstance(surface, Plane):
        return (surface.vertex - ray.origin[2]) / ray.direction[2]
    return _distance_to_sphere(surface, ray)


@zr.adjoint
def intersect(surface: Plane, ray: Ray):
    slope = ray.direction[2]
    t = (surface.vertex - ray.origin[2]) / slope

    def plane_pullback(dt):
        d = dt / slope
        dray = {"origin": -d * AXIS, "direction": -d * t * AXIS}
        return {"vertex": d}, dray

    return t, plane_pullback


@zr.adjoint
def intersect(surface: Sphere, ray: Ray):
    c = surface.curvature
    t = _distance_to_sphere(surface, ray)
    p = ray.origin + t * ray.direction - surface.vertex * AXIS
    gradient = 2 * (c * p - AXIS)  # of G, at the place where they meet

    def sphere_pullback(dt):
        d = -dt / (gradient @ ray.direction)
        dsurface = {"curvature": d * (p @ p), "vertex": -d * gradient[2]}
        dray = {"origin": d * gradient, "direction": d * t * gradient}
        return dsurface, dray

    return t, sphere_pullback


def normal(surface, point):
    """The unit vector across the surface, against the light."""
    if isinstance(surface, Plane):
        return -AXIS
    return surface.curvature * (point - surface.vertex * AXIS) - AXIS


@zr.adjoint
def normal(surface: Plane, point):
    # the same everywhere
    return -AXIS, lambda dn: None


@zr.adjoint
def normal(surface: Sphere, point):
    c = surface.curvature
    p = point - surface.vertex * AXIS

    def normal_pullback(dn):
        dsphere = {"curvature": dn @ p, "vertex": -c * dn[2]}
        return dsphere, c * dn

    return c * p - AXIS, normal_pullback


def refract(direction, normal, ratio):
    """Snell's law; `ratio` is the index before the surface divided by the one behind it."""
    cosine = -(direction @ normal)
    root = np.sqrt(1 - ratio**2 * (1 - cosine**2))
    return ratio * direction + (ratio * cosine - root) * normal


@zr.adjoint
def refract(direction, normal, ratio):
    cosine = -(direction @ normal)
    root = np.sqrt(1 - ratio**2 * (1 - cosine**2))
    bend = ratio * cosine - root
    y = ratio * direction + bend * normal

    def refract_pullback(dy):
        dbend = dy @ normal
        droot = -dbend
        dcosine = dbend * ratio + droot * ratio**2 * cosine / root
        dratio = dy @ direction + dbend * cosine - droot * ratio * (1 - cosine**2) / root
        ddirection = ratio * dy - dcosine * normal
        dnormal = bend * dy - dcosine * direction
        return ddirection, dnormal, dratio

    return y, refract_pullback


@zr.nograd
def is_reflected(direction, normal, ratio):
    """Whether there is no way through: total internal reflection."""
    return bool(ratio**2 * (1 - (direction @ normal) ** 2) > 1)
