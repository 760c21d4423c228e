"""Takes gradients of the optics library, through its rules, and compares them.

    python gradient.py --save before.json      writes them down
    python gradient.py --compare before.json   shows them beside what was written down

Each is also compared with finite differences. Exits with 1 where anything differs.
"""

import argparse
import json
import sys

import numpy as np
import optics
from optics import Cauchy, Lens, Plane, Ray, Sphere, Stop

from rules_runtime import AbstractZero, Tangent, pullback, unthunk


def cases():
    """`(label, function, arguments)`, at least one for every rule of the library."""
    a, b = np.array([0.3, -1.2, 2.0]), np.array([1.1, 0.4, -0.7])
    ray = Ray(np.array([0.2, 3.0, -10.0]), optics.normalize(np.array([0.01, -0.05, 1.0])))
    sphere, plane = Sphere(0.02, 1.5), Plane(4.0)
    crown, flint = Cauchy(1.5046, 0.0042, "crown"), optics.glass("N-SF11")
    lens = Lens(0.021, -0.018, 4.0, 1.517, "thin")
    across, w = optics.normalize(np.array([0.05, 0.1, -1.0])), optics.line("d")
    doublet = [
        Stop(Sphere(0.0163, 0.0), crown(w)),
        Stop(Sphere(-0.0224, 6.0), flint(w)),
        Stop(Sphere(-0.0077, 8.5), 1.0),
        Stop(Plane(103.0), 1.0),
    ]
    return [
        ("squared_length", optics.squared_length, (a,)),
        ("normalize", optics.normalize, (a,)),
        ("rotate", optics.rotate, (a, 0.4)),
        ("cross", np.cross, (a, b)),
        ("norm", np.linalg.norm, (a,)),
        ("arctan2", np.arctan2, (0.8, -1.3)),
        ("angle", optics.angle, (optics.normalize(a), optics.normalize(b))),
        ("Cauchy glass", crown, (0.55,)),
        ("Sellmeier glass", flint, (0.55,)),
        ("abbe_number of Cauchy", optics.abbe_number, (crown,)),
        ("abbe_number of Sellmeier", optics.abbe_number, (flint,)),
        ("Ray", Ray, (a, b)),
        ("advance", optics.advance, (ray, 2.5)),
        ("intersect sphere", optics.intersect, (sphere, ray)),
        ("intersect plane", optics.intersect, (plane, ray)),
        ("normal of sphere", optics.normal, (sphere, a)),
        ("normal of plane", optics.normal, (plane, a)),
        ("refract", optics.refract, (ray.direction, across, 1 / 1.5)),
        ("Lens.power", Lens.power, (lens,)),
        ("fold", optics.fold, (lambda s, x: np.sin(s) * x, 0.7, [1.0, 0.8, 1.3])),
        ("map_list", optics.map_list, (lambda x: x * np.exp(-x), [0.1, 0.9, 2.0])),
        ("rms", optics.rms, (a,)),
        ("trace through a doublet", optics.trace, (doublet, ray)),
        ("spot of a doublet", optics.spot, (doublet, np.array([1.0, 3.0, 5.0, 7.0]))),
    ]


def parts(value):
    """What a value is made of: `(key, part)` pairs, none for a number or an array."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value))
    if isinstance(value, (tuple, list)):
        return list(enumerate(value))
    is_ours = type(value).__module__.startswith("optics.")
    return list(vars(value).items()) if is_ours else []


def is_number(value):
    return isinstance(value, (float, np.floating, np.ndarray))


def numbers(primal, tangent=None):
    """All the numbers in a value, or those of a tangent in the same places."""
    tangent = primal if tangent is None else unthunk(tangent)
    if is_number(primal):
        zero = isinstance(tangent, AbstractZero)
        return np.zeros(np.size(primal)) if zero else np.ravel(np.asarray(tangent, float))
    found = []
    for key, part in parts(primal):
        if tangent is primal:
            found.append(numbers(part))
        else:
            found.append(
                numbers(part, tangent if isinstance(tangent, AbstractZero) else tangent[key])
            )
    return np.concatenate(found) if found else np.zeros(0)


def with_numbers(primal, new):
    """The same value with other numbers, which are taken from the iterator `new`."""
    if is_number(primal):
        taken = np.array([next(new) for _ in range(np.size(primal))])
        return taken.reshape(primal.shape) if isinstance(primal, np.ndarray) else float(taken[0])
    changed = [(key, with_numbers(part, new)) for key, part in parts(primal)]
    if not changed:
        return primal
    if isinstance(primal, tuple) and hasattr(primal, "_fields"):
        return type(primal)(**dict(changed))
    if isinstance(primal, (tuple, list)):
        return type(primal)(part for _, part in changed)
    copy = object.__new__(type(primal))
    vars(copy).update(changed)
    return copy


def as_cotangent(primal, weights):
    """The weights, one for each number of the value, as a cotangent of it."""
    if is_number(primal):
        return with_numbers(primal, weights)
    inner = {key: as_cotangent(part, weights) for key, part in parts(primal)}
    if isinstance(primal, (list, tuple)) and not hasattr(primal, "_fields"):
        return Tangent[type(primal)](*inner.values())
    return Tangent[type(primal)](**inner)


def call(f, *args):
    """So that the gradient of an instance call holds the instance's too."""
    return f(*args)


def gradients(f, args):
    """Of the sum of all numbers in `f(*args)`, each weighted:
    by the rules, and by finite differences."""
    weights = np.random.default_rng(1).uniform(0.5, 1.5, size=numbers(f(*args)).size)
    inputs = (f, *args) if parts(f) and not isinstance(f, type) else args
    g = call if inputs[0] is f else f
    y, back = pullback(g, *inputs)
    by_rules = numbers(inputs, back(as_cotangent(y, iter(weights))))

    at = numbers(inputs)
    differences = np.zeros_like(at)
    for i in range(at.size):
        h = 1e-6 * max(1.0, abs(at[i]))
        ends = []
        for x in (at[i] + h, at[i] - h):
            moved = at.copy()
            moved[i] = x
            ends.append(numbers(g(*with_numbers(inputs, iter(moved)))))
        differences[i] = weights @ (ends[0] - ends[1]) / (2 * h)
    return by_rules, differences


def short(values):
    shown = " ".join(f"{v:9.4g}" for v in values[:3])
    return f"{shown:<29} {'…' if len(values) > 3 else ' '}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", metavar="FILE", help="write the gradients down")
    parser.add_argument("--compare", metavar="FILE", help="compare with gradients written down")
    options = parser.parse_args()
    before = {}
    if options.compare:
        with open(options.compare, encoding="utf-8") as file:
            before = json.load(file)

    wrong, seen = 0, {}
    print(f"{'':<25} {'before' if before else 'gradient':<31} {'after' if before else '':<31}")
    for label, f, args in cases():
        now, differences = gradients(f, args)
        seen[label] = now.tolist()
        close = np.allclose(now, differences, rtol=1e-5, atol=1e-7)
        verdict = "as finite differences" if close else f"finite differences: {differences}"
        columns = short(now)
        if before:
            columns = f"{short(before[label])} {columns}"
            same = np.allclose(now, before[label], rtol=1e-12, atol=1e-14)
            verdict = f"{'the same' if same else 'ANOTHER GRADIENT'}, {verdict}"
            close = close and same
        wrong += not close
        print(f"{label:<25} {columns} {verdict}")

    if options.save:
        with open(options.save, "w", encoding="utf-8") as file:
            json.dump(seen, file)
    print(f"{len(seen)} gradients, {wrong or 'none'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
