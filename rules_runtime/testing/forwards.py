"""`test_frule`: everything that is checked about the forward rule of one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rules_runtime.tangents import AbstractZero, NoTangent, ZeroTangent
from rules_runtime.thunks import unthunk

from .comparing import tolerance_for, value_problem
from .cotangents import SEED, cotangent_along, random_tangent
from .differences import flat, flat_cotangent, shifted
from .failures import Problem, shown
from .finite_differences import derivative
from .parts import is_differentiable, leaves, replaced
from .reading import read_tangent
from .tester import Along, RuleCheck, split_call

__tracebackhide__ = True  # pytest shows the line of the test, not how the tester came to fail


def test_frule(
    *config_f_args: Any,
    fkwargs: Mapping[str, Any] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Check the forward rule of `f` at `args` by finite differences:
    ``test_frule([config,] f, *args)``.

    Checked are: that there is an frule (or an rrule, of which one is derived); its value; that the
    tangent of the result has the structure, shape and realness of the result and agrees with
    central differences, for two random directions of all arguments and for each argument by itself,
    the others given zeros; that nothing is changed in place.

    An argument `Along(x, dx)` is moved along `dx` alone.
    `rtol` and `atol` are as with `test_rrule`.

    Raises:
        RuleTestFailure: an `AssertionError` that says for which direction, what the rule gave and
            what finite differences gave.

    >>> test_frule(np.multiply, 2.0, np.array([1.0, 3.0]))
    """
    config, f, given = split_call(config_f_args)
    args = tuple([x.value if isinstance(x, Along) else x for x in given])
    chosen = {k: x.tangent for k, x in enumerate(given, 1) if isinstance(x, Along)}
    _ForwardCheck(config, f, args, dict(fkwargs or {}), False, chosen).run_forwards(rtol, atol)


class _ForwardCheck(RuleCheck):
    """One forward rule at one point."""

    def run_forwards(self, rtol: float | None, atol: float | None) -> None:
        y = self.call_function()
        self.tolerance = tolerance_for((*self.args, self.callee, y), rtol, atol)
        for label, tangents in self.directions():
            given_y, dy = self.call_frule(tangents)
            self.add(value_problem(y, given_y, "the primal value", self.tolerance))
            self.check_untouched("the rule")
            reading = read_tangent(y, dy, f"the tangent of the result ({label})")
            self.problems += reading.problems
            self.stop_if_wrong()
            self.compare_along(label, y, tangents, dy)
            self.stop_if_wrong()

    def directions(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What to move: everything, in two ways, and each argument by itself."""
        rng = np.random.default_rng(SEED)

        def all_of_them() -> tuple[Any, ...]:
            return tuple(
                self.chosen[k] if k in self.chosen else random_tangent(primal, rng)
                for k, primal in enumerate(self.primals)
            )

        first = all_of_them()
        found = [("all arguments move", first), ("all arguments move otherwise", all_of_them())]
        for k, primal in enumerate(self.primals):
            if is_differentiable(primal) and len(self.primals) > 2:
                zeros = [
                    ZeroTangent() if is_differentiable(p) else NoTangent() for p in self.primals
                ]
                zeros[k] = first[k]
                found.append((f"{self.places[k]} alone moves", tuple(zeros)))
        return found

    def call_frule(self, tangents: tuple[Any, ...]) -> Any:
        from rules_runtime.forward import frule

        try:
            result = frule.push(self.config, tangents, self.f, self.args, self.fkwargs)
        except Exception as error:
            raise self.fail(f"the rule raised {type(error).__name__}: {error}", error) from error
        if result is None:
            raise self.fail("there is no frule, and no rrule of which one could be derived")
        return result

    def compare_along(self, label: str, y: Any, tangents: tuple[Any, ...], dy: Any) -> None:
        point, wide_y = self.widened(y)

        def along(t: float) -> Any:
            moved = []
            for primal, tangent in zip(point, tangents):
                for path, leaf in leaves(primal):
                    step = unthunk(cotangent_along(tangent, path))
                    if not isinstance(step, AbstractZero):
                        primal = replaced(primal, path, shifted(leaf, t * np.asarray(step)))
                moved.append(primal)
            try:
                with np.errstate(all="ignore"):
                    return flat(self.evaluate(tuple(moved)))
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                return None

        epsilon = max(
            [float(np.finfo(np.asarray(leaf).dtype).eps) for _, leaf in leaves((point, wide_y))],
            default=0.0,
        )
        found = derivative(along, flat(wide_y), 1.0, max(epsilon, 2.3e-16))
        if found is None:
            self.add(Problem("", f"finite differences found no value near this point ({label})"))
            return
        given = flat_cotangent(y, dy)
        far = ~self.tolerance.allows(given, found.value) & (
            np.abs(given - found.value) > found.error
        )
        if np.any(far):
            facts = (
                ("the rule gave", shown(given)),
                ("finite differences gave", shown(found.value)),
            )
            self.add(Problem(f"the tangent of the result ({label})", "is wrong", facts))


__all__ = ["test_frule"]
