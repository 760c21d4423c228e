"""What the scan looks for in files with autograd's rules; imports nothing."""

words = (b"defvjp", b"defgrad", b"notrace", b"nograd_functions")
modules = (
    "autograd",
    "autograd.extend",
    "autograd.core",
    "autograd.tracer",
    "autograd.differential_operators",
    "autograd.numpy.numpy_vjps",
    "autograd.numpy.numpy_wrapper",
)
handed_on = b""
