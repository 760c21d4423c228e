"""Zygote's rules, spelled in Python: `@adjoint def f(x): ... return y, back`."""

words = (b"adjoint", b"nograd", b"literal_get", b"dropgrad", b"accum", b"ignore", b"hook")
modules = ("zygote_rules", "zygote", "rules_runtime.legacy")
handed_on = b"adjoint"
by_default = True
