"""Sequential ray tracing for small lens systems,
differentiable in everything that a designer turns.

Lengths are millimetres, wavelengths micrometres, the optical axis is z.
"""

from .media import Cauchy, Sellmeier, abbe_number, glass, line
from .surfaces import Plane, Ray, Sphere, advance, intersect, normal, refract
from .system import Lens, Stop, fold, map_list, rms, spot, trace
from .vectors import angle, normalize, rotate, squared_length

__all__ = [
    "Cauchy",
    "Lens",
    "Plane",
    "Ray",
    "Sellmeier",
    "Sphere",
    "Stop",
    "abbe_number",
    "advance",
    "angle",
    "fold",
    "glass",
    "intersect",
    "line",
    "map_list",
    "normal",
    "normalize",
    "refract",
    "rms",
    "rotate",
    "spot",
    "squared_length",
    "trace",
]
