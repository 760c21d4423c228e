"""What the scan looks for in files with autograd's rules; imports nothing."""

words = (b"defvjp",)
modules = ("autograd", "autograd.extend", "autograd.core", "autograd.numpy.numpy_vjps")
handed_on = b""
