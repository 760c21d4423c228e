"""Gradients that are recorded once and replayed as straight-line numpy code."""

from .programs import Compiled, compiled

__all__ = ["Compiled", "compiled"]
