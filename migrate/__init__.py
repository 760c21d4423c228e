"""rrule-migrate: rewrites legacy `@adjoint` rules into explicit `rrule` functions."""

__version__ = "0.1.0"
