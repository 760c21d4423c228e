"""The built-in reverse mode over plain numpy code; docs/design/tape.md has the design."""

from ..errors import MissingRuleError
from . import constructors as constructors
from . import inplace as inplace
from . import methods as methods
from . import overrides as overrides
from . import protocols as protocols
from . import splits as splits
from . import writers as writers
from .derivatives import gradient, hessian, jacobian, pullback, value_and_gradient, vjp
from .trace import TapeConfig, trace_pullback
from .tracer import FinishedTrace

__all__ = [
    "FinishedTrace",
    "MissingRuleError",
    "TapeConfig",
    "gradient",
    "hessian",
    "jacobian",
    "pullback",
    "trace_pullback",
    "value_and_gradient",
    "vjp",
]
