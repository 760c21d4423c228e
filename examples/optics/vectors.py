"""Vectors of three numbers, and the rules of the numpy functions that are used on them."""

import numpy as np
from zygote_rules import adjoint


def squared_length(v):
    return v @ v


@adjoint
def squared_length(v):
    return v @ v, lambda dy: (2 * dy * v,)


def normalize(v):
    """The direction of `v`."""
    return v / np.sqrt(v @ v)


@adjoint
def normalize(v):
    length = np.sqrt(v @ v)
    y = v / length

    def normalize_pullback(dy):
        # only what is across the direction turns it
        return ((dy - y * (y @ dy)) / length,)

    return y, normalize_pullback


def angle(a, b):
    """Between two directions, in radians; also right where arccos(a @ b) loses all its digits."""
    return 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))


def rotate(v, theta):
    """`v`, turned about the x axis by `theta` radians."""
    c, s = np.cos(theta), np.sin(theta)
    return np.array([v[0], c * v[1] - s * v[2], s * v[1] + c * v[2]])


@adjoint
def rotate(v, theta):
    c, s = np.cos(theta), np.sin(theta)
    y = np.array([v[0], c * v[1] - s * v[2], s * v[1] + c * v[2]])

    def rotate_pullback(dy):
        dv = np.array([dy[0], c * dy[1] + s * dy[2], c * dy[2] - s * dy[1]])
        dtheta = dy[2] * y[1] - dy[1] * y[2]
        return dv, dtheta

    return y, rotate_pullback


# The general rules of these have to think about axes and broadcasting; ours see single vectors.


@adjoint(np.cross)
def _(a, b):
    return np.cross(a, b), lambda dy: (np.cross(b, dy), np.cross(dy, a))


@adjoint(np.linalg.norm)
def _(v):
    length = np.linalg.norm(v)

    def norm_pullback(dy):
        # at the origin every direction is as good as any other
        if length == 0:
            return (None,)
        return (dy / length * v,)

    return length, norm_pullback


@adjoint(np.arctan2)
def arctan2_rule(y: float, x: float):
    r2 = x * x + y * y
    return np.arctan2(y, x), lambda d: (d * x / r2, -d * y / r2)
