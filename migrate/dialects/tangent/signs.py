"""What the scan looks for in files with Tangent's rules; imports nothing."""

words = (b"adjoint", b"@primal", b"tangent_(")
modules = ("tangent", "tangent.grads", "tangent.tangents", "tangent.utils")
handed_on = b"adjoint"
