"""Zygote's rules, spelled in Python: `@adjoint def f(x): ... return y, back`."""
