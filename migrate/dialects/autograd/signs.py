"""What the scan looks for in files with autograd's rules; imports nothing."""

words = (b"defvjp", b"defgrad")
modules = (
    "autograd",
    "autograd.extend",
    "autograd.core",
    "autograd.tracer",
    "autograd.differential_operators",
    "autograd.numpy.numpy_vjps",
)
handed_on = b""
